/**
 * A bill, proved by the events alone: the runs that they tell of, and what those cost. Shares nothing with the code that
 * writes bills but the rule of the commenced minute.
 */
import { amountNumerator, commencedMinutes, type EndSource } from './billing.ts'
import type { NotebookEvent, RunTerms } from './events.ts'
import { boundsOf, monthOf, type YearMonth } from './month.ts'

const MINUTE_MS = 60_000

/** An event with its place in the project's sequence. */
export interface ToldEvent {
  seq: bigint
  at: Date
  notebookId: string
  event: NotebookEvent
}

/** A stay in RUNNING, as its two events tell it. */
export interface ToldRun {
  notebookId: string
  startedAt: Date
  /** Null: the event is of a time when events did not tell it. */
  terms: RunTerms | null
  /** Null: it goes on. */
  end: ToldEnd | null
}

export interface ToldEnd {
  /** When RUNNING was left. */
  leftAt: Date
  /** The end that is billed; null: the event is of a time when events did not tell it. */
  billed: { endedAt: Date; endSource: EndSource; waivedMinutes: number } | null
}

/** Takes events in their order. What contradicts itself is a sentence in `faults`. */
export class RunReader {
  readonly runs: ToldRun[] = []
  readonly faults: string[] = []
  readonly #open = new Map<string, ToldRun>()

  read({ seq, at, notebookId, event }: ToldEvent): void {
    if (event.type !== 'StateChanged') return
    const open = this.#open.get(notebookId)
    if (event.from === 'RUNNING' && event.to !== 'RUNNING') {
      if (!open) this.faults.push(`Event ${seq}: notebook ${notebookId} left RUNNING, which it had not entered.`)
      else open.end = { leftAt: at, billed: billedEnd(event) }
      this.#open.delete(notebookId)
    }
    if (event.to === 'RUNNING') {
      if (open) this.faults.push(`Event ${seq}: notebook ${notebookId} entered RUNNING, where it was.`)
      const run = { notebookId, startedAt: at, terms: event.terms ?? null, end: null }
      this.#open.set(notebookId, run)
      this.runs.push(run)
    }
  }
}

function billedEnd({ endedAt, endSource, waivedMinutes }: Extract<NotebookEvent, { type: 'StateChanged' }>) {
  if (endedAt === undefined || endSource === undefined || waivedMinutes === undefined) return null
  return { endedAt: new Date(endedAt), endSource, waivedMinutes }
}

/** Whether the events tell all that a bill needs. */
export function isProvable({ terms, end }: ToldRun): boolean {
  return terms !== null && (end === null || end.billed !== null)
}

/** Commenced minutes of a provable run, until `now` if it goes on; with those that nobody pays. */
export function minutesOf({ startedAt, end }: ToldRun, now: Date): number {
  return commencedMinutes(startedAt, end?.billed?.endedAt ?? now)
}

/** What the months' statements are to say: billed minutes and amount by month, notebook, flavor and price. */
export function statementsOf(runs: readonly ToldRun[], now: Date): Map<YearMonth, Map<string, TalliedLine>> {
  const months = new Map<YearMonth, Map<string, TalliedLine>>()
  for (const run of runs) {
    const { notebookId, startedAt, terms, end } = run
    if (!terms) continue
    const billed = minutesOf(run, now) - (end?.billed?.waivedMinutes ?? 0)
    let begun = 0
    while (begun < billed) {
      const month = monthOf(new Date(startedAt.getTime() + begun * MINUTE_MS))
      const left = Math.ceil((boundsOf(month).to.getTime() - startedAt.getTime()) / MINUTE_MS)
      const minutes = Math.min(billed, left) - begun
      add(months, month, keyOf({ notebookId, ...terms }), { minutes, numerator: numeratorOf(terms, minutes) })
      begun += minutes
    }
  }
  return months
}

export interface TalliedLine {
  minutes: number
  /** Of the amount, over 60. */
  numerator: bigint
}

/** Names a line of a statement. */
export function keyOf(line: {
  notebookId: string
  flavor: string
  pricePerHourMicros: string
  currency: string
}): string {
  return `notebook ${line.notebookId} on ${line.flavor} at ${line.pricePerHourMicros} millionths of ${line.currency}`
}

function numeratorOf({ units, pricePerHourMicros }: RunTerms, minutes: number): bigint {
  return amountNumerator({ minutes, units, pricePerHourMicros: BigInt(pricePerHourMicros) })
}

function add(months: Map<YearMonth, Map<string, TalliedLine>>, month: YearMonth, key: string, more: TalliedLine): void {
  const lines = months.get(month) ?? new Map<string, TalliedLine>()
  const { minutes, numerator } = lines.get(key) ?? { minutes: 0, numerator: 0n }
  months.set(month, lines.set(key, { minutes: minutes + more.minutes, numerator: numerator + more.numerator }))
}
