/**
 * Money: minutes × units × price per hour, exact. Amounts are carried as numerators over 60 (micros of the currency) and
 * divided once, at output.
 */

const MINUTE_MS = 60_000

/** Commenced minutes of a run: 61 s are 2. A run that has begun has at least 1. */
export function commencedMinutes(startedAt: Date, endedAt: Date): number {
  return Math.max(1, Math.ceil((endedAt.getTime() - startedAt.getTime()) / MINUTE_MS))
}

/** The exact amount in micros of the currency, times 60. */
export function amountNumerator(period: { minutes: number; units: number; pricePerHourMicros: bigint }): bigint {
  return BigInt(period.minutes) * BigInt(period.units) * period.pricePerHourMicros
}

/** Divides half to even. Both ≥ 0, divisor > 0. */
export function divideHalfEven(numerator: bigint, divisor: bigint): bigint {
  const quotient = numerator / divisor
  const twice = (numerator % divisor) * 2n
  const up = twice > divisor || (twice === divisor && quotient % 2n === 1n)
  return up ? quotient + 1n : quotient
}

/** A numerator over 60 as a decimal with 6 places, half to even: a period's or a line's amount. */
export function toAmount(numerator: bigint): string {
  return toDecimal(divideHalfEven(numerator, 60n), 6)
}

/** A numerator over 60 as a decimal with 2 places, half to even: a statement's total. */
export function toTotal(numerator: bigint): string {
  return toDecimal(divideHalfEven(numerator, 60n * 10_000n), 2)
}

/** Micros of the currency as the shortest decimal with at least 2 places, e.g. a price per hour: 30000 is "0.03". */
export function priceToDecimal(micros: bigint): string {
  return toDecimal(micros, 6).replace(/0{1,4}$/, '')
}

/** Micros of a decimal with at most 9 digits before the point and 6 after it; null when the text is none. */
export function decimalToMicros(text: string): bigint | null {
  const match = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text)
  return match && BigInt(match[1] as string) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0'))
}

function toDecimal(scaled: bigint, places: number): string {
  const digits = scaled.toString().padStart(places + 1, '0')
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`
}

/** How a run is billed to its end. */
export interface RunEnd {
  endedAt: Date
  endSource: EndSource
  /** Of its commenced minutes, those that nobody pays. */
  waivedMinutes: number
}

export type EndSource = 'TRANSACTION' | 'ENGINE' | 'LIVENESS'

/**
 * When a run really ended. `leftAt`: the transaction that leaves RUNNING. `engineEnd`: the container's end as the engine saw
 * it, null if it is gone or the engine itself was down then. `lastSeenAlive`: the liveness mark. Clamped to [startedAt, leftAt].
 */
export function endOfRun(run: {
  startedAt: Date
  leftAt: Date
  ended: boolean
  engineEnd: Date | null
  lastSeenAlive: Date | null
}): { endedAt: Date; endSource: EndSource } {
  const candidate = run.ended ? (run.engineEnd ?? run.lastSeenAlive ?? run.startedAt) : run.leftAt
  if (candidate >= run.leftAt) return { endedAt: run.leftAt, endSource: 'TRANSACTION' }
  const endedAt = new Date(Math.max(candidate.getTime(), run.startedAt.getTime()))
  return { endedAt, endSource: run.engineEnd ? 'ENGINE' : 'LIVENESS' }
}
