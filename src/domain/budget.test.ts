import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commencedMinutes } from './billing.ts'
import { minutesBeyond, type OpenRun, outlookOf } from './budget.ts'

const NOW = new Date('2026-11-10T12:00:00.000Z')
const MINUTE = 60_000
const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000)

/** One unit at 0.60 an hour: 0.01 per minute. */
const run = (startedAt: Date, perMinute = 600_000n): OpenRun => ({ startedAt, perMinute })
const spentBy = (runs: readonly OpenRun[], now: Date) =>
  runs.reduce((sum, { startedAt, perMinute }) => sum + BigInt(commencedMinutes(startedAt, now)) * perMinute, 0n)

describe('a budget is exceeded', () => {
  test('by the first minute that is more than it, not by the one that uses it up', () => {
    const runs = [run(NOW)]
    // 0.05: the fifth minute begins 4 min after the start, and the sixth a minute later.
    expect(outlookOf(50_000n, spentBy(runs, NOW), runs, NOW)).toMatchObject({
      usedUpAt: at(240),
      exceededAt: at(300),
      passedPercent: 0,
    })
  })

  test('by whichever run begins its next minute first', () => {
    const runs = [run(at(-30)), run(at(-10))]
    expect(outlookOf(20_000n, spentBy(runs, NOW), runs, NOW).exceededAt).toEqual(at(30))
    expect(outlookOf(30_000n, spentBy(runs, NOW), runs, NOW).exceededAt).toEqual(at(50))
  })

  test('never by runs that cost nothing, nor in a month that is over before', () => {
    const free = [run(NOW, 0n)]
    expect(outlookOf(10n, 0n, free, NOW).exceededAt).toBeNull()
    const runs = [run(NOW)]
    const { exceededAt, nextAt } = outlookOf(10_000_000_000n, spentBy(runs, NOW), runs, NOW)
    expect([exceededAt, nextAt]).toEqual([null, new Date('2026-12-01T00:00:00.000Z')])
  })

  test('at that very minute, whatever runs since when at whatever price', () => {
    const someRun = fc.record({
      startedAt: fc.integer({ min: -600_000, max: 0 }).map((ms) => new Date(NOW.getTime() + ms)),
      perMinute: fc.bigInt({ min: 1n, max: 1_000_000n }),
    })
    const minutes = fc.integer({ min: 1, max: 50 })
    fc.assert(
      fc.property(fc.array(someRun, { minLength: 1, maxLength: 6 }), minutes, fc.bigInt(0n, 99n), (runs, left, odd) => {
        const spent = spentBy(runs, NOW)
        const perRound = runs.reduce((sum, { perMinute }) => sum + perMinute, 0n)
        const amount = (spent + (perRound * (BigInt(left) * 100n + odd)) / 100n + 59n) / 60n
        const { exceededAt } = outlookOf(amount, spent, runs, NOW)
        if (!exceededAt) throw new Error('Paid runs go on beyond every budget')
        expect(spentBy(runs, exceededAt)).toBeLessThanOrEqual(amount * 60n)
        expect(spentBy(runs, new Date(exceededAt.getTime() + 1))).toBeGreaterThan(amount * 60n)
      }),
    )
  })
})

test('the thresholds are 50, 80 and 100 %, each past as soon as so much is used', () => {
  const outlook = (spent: bigint) => outlookOf(100n, spent * 60n, [run(NOW, 60n)], NOW)
  expect([0n, 49n, 50n, 79n, 80n, 99n, 100n, 200n].map((spent) => outlook(spent).passedPercent)).toEqual([
    0, 0, 50, 50, 80, 80, 100, 100,
  ])
  expect(outlook(0n).nextAt).toEqual(at(50 * 60))
  expect(outlook(50n).nextAt).toEqual(at(30 * 60))
})

describe('what is run beyond a budget while nobody was there to stop it', () => {
  const startedAt = at(-10 * 60)
  test('is all but one minute, counted from the one that exceeded it', () => {
    expect(minutesBeyond({ startedAt, minutes: 10 }, NOW)).toBe(0)
    expect(minutesBeyond({ startedAt, minutes: 11 }, NOW)).toBe(0)
    expect(minutesBeyond({ startedAt, minutes: 15 }, NOW)).toBe(4)
  })

  test('of a run that began later, is all but its first minute', () => {
    expect(minutesBeyond({ startedAt: at(2 * MINUTE), minutes: 3 }, NOW)).toBe(2)
  })
})
