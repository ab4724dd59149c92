/** Calendar months in UTC, by which statements are made. */

/** `2026-11`: as people write it. */
export type YearMonth = `${number}-${number}`

/** After a month's end, ends of runs may still become known; its statement changes no more after these 72 hours. */
const OPEN_AFTER_MS = 72 * 3_600_000

/** Null when the text is no month. */
export function parseMonth(text: string): YearMonth | null {
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(text) ? (text as YearMonth) : null
}

/** The one that the moment lies in. */
export function monthOf(moment: Date): YearMonth {
  return moment.toISOString().slice(0, 7) as YearMonth
}

/** The month's first moment, and the next one's. */
export function boundsOf(month: YearMonth): { from: Date; to: Date } {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return { from: firstOf(year, number - 1), to: firstOf(year, number) }
}

/** `monthIndex` from 0; 12 is the next year's first. Years below 100 are meant as they stand. */
function firstOf(year: number, monthIndex: number): Date {
  const first = new Date(0)
  first.setUTCFullYear(year, monthIndex, 1)
  return first
}

/** From when on the month's statement does not change, unless an end before midnight is still unknown then. */
export function closesAt(month: YearMonth): Date {
  return new Date(boundsOf(month).to.getTime() + OPEN_AFTER_MS)
}
