/**
 * A project's budget for a calendar month, and when it is reached. A run's minutes begin 60 s apart and each adds the same,
 * so that moment is known ahead, exactly, for as long as no other run begins. Sums are numerators over 60, in micros of the
 * currency; see billing.ts.
 */
import { boundsOf, monthOf, type YearMonth } from './month.ts'

const MINUTE_MS = 60_000

/** A budget that stops acts so much ahead of the first minute that would exceed it, so that no run begins that minute. In ms. */
export const STOP_LEAD_MS = 5000

/** Shares of a budget, in percent, at which its project is told. */
const THRESHOLDS = [50, 80, 100] as const

/** A run that goes on. */
export interface OpenRun {
  startedAt: Date
  /** What a commenced minute adds: units × price per hour in micros. */
  perMinute: bigint
}

export interface BudgetOutlook {
  month: YearMonth
  /** The highest threshold that is past, in percent; 0: none is. */
  passedPercent: number
  /** When everything is used up, if all runs go on; null: not in this month. */
  usedUpAt: Date | null
  /** When the first minute begins that would exceed the budget; null: none does in this month. */
  exceededAt: Date | null
  /** When the next threshold is past, or the month is over. */
  nextAt: Date
}

/** `amountMicros`: of a month; `spent`: in the present month until now. */
export function outlookOf(amountMicros: bigint, spent: bigint, runs: readonly OpenRun[], now: Date): BudgetOutlook {
  const month = monthOf(now)
  const { to: monthEnd } = boundsOf(month)
  const budget = amountMicros * 60n
  const inMonth = (moment: Date | null) => (moment && moment < monthEnd ? moment : null)
  const reached = (percent: number) =>
    inMonth(firstMinuteBeyond(divideUp(budget * BigInt(percent), 100n) - 1n, spent, runs, now))
  const next = THRESHOLDS.find((percent) => spent * 100n < budget * BigInt(percent))
  return {
    month,
    passedPercent: THRESHOLDS.findLast((percent) => spent * 100n >= budget * BigInt(percent)) ?? 0,
    usedUpAt: reached(100),
    exceededAt: inMonth(firstMinuteBeyond(budget, spent, runs, now)),
    nextAt: (next && reached(next)) ?? monthEnd,
  }
}

/**
 * When the first minute begins with which the sum is more than `limit`; `now` when it is so already, null when it never will
 * be. `spent` has every minute that began before now, and a run's first.
 */
function firstMinuteBeyond(limit: bigint, spent: bigint, runs: readonly OpenRun[], now: Date): Date | null {
  if (spent > limit) return now
  const perRound = runs.reduce((sum, { perMinute }) => sum + perMinute, 0n)
  if (perRound === 0n) return null
  // Within any 60 s every run begins one minute.
  const rounds = (limit - spent) / perRound
  let left = limit - spent - rounds * perRound
  const minutes = runs
    .map(({ startedAt, perMinute }) => ({ beginsAt: nextMinuteOf(startedAt, now), perMinute }))
    .sort((one, other) => one.beginsAt - other.beginsAt)
  for (const { beginsAt, perMinute } of minutes) {
    if (perMinute > left) return new Date(beginsAt + Number(rounds) * MINUTE_MS)
    left -= perMinute
  }
  throw new Error('A round of minutes adds more than is left of it')
}

/** When the run's next minute begins that is not counted yet, in ms since the epoch. */
function nextMinuteOf(startedAt: Date, now: Date): number {
  const begun = Math.max(1, Math.ceil((now.getTime() - startedAt.getTime()) / MINUTE_MS))
  return startedAt.getTime() + begun * MINUTE_MS
}

/**
 * Of the commenced minutes of a run, those beyond a budget that would have stopped it at `stopAt`, had a control plane been
 * there: all that began later, but for one.
 */
export function minutesBeyond(run: { startedAt: Date; minutes: number }, stopAt: Date): number {
  const begunBefore = Math.max(0, Math.ceil((stopAt.getTime() - run.startedAt.getTime()) / MINUTE_MS))
  return Math.max(0, run.minutes - begunBefore - 1)
}

/** "80 % of its budget of 12.50 EUR for 2026-11". */
export function shareInWords(percent: number, budget: { amount: string; currency: string; month: YearMonth }): string {
  return `${percent} % of its budget of ${budget.amount} ${budget.currency} for ${budget.month}`
}

function divideUp(numerator: bigint, divisor: bigint): bigint {
  return (numerator + divisor - 1n) / divisor
}
