import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  amountNumerator,
  commencedMinutes,
  divideHalfEven,
  endOfRun,
  priceToDecimal,
  toAmount,
  toTotal,
} from './billing.ts'

const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000)

test.each([
  [0, 1],
  [1, 1],
  [60, 1],
  [60.001, 2],
  [61, 2],
  [36_000, 600],
])('every commenced minute counts whole: a run of %d s is %d minutes', (seconds, minutes) => {
  expect(commencedMinutes(at(0), at(seconds))).toBe(minutes)
})

test('10 h of 2 GPUs at 1.93 €/h are 38.60 €', () => {
  expect(toTotal(amountNumerator({ minutes: 600, units: 2, pricePerHourMicros: 1_930_000n }))).toBe('38.60')
})

test('15 notebooks of 5 h on 1 CPU at 0.03 €/h are 2.25 €', () => {
  const one = amountNumerator({ minutes: 300, units: 1, pricePerHourMicros: 30_000n })
  expect(toTotal(one * 15n)).toBe('2.25')
})

test('an amount has 6 places, rounded half to even once, at output', () => {
  expect(toAmount(amountNumerator({ minutes: 2, units: 1, pricePerHourMicros: 30_000n }))).toBe('0.001000')
  expect(toAmount(30n)).toBe('0.000000')
  expect(toAmount(90n)).toBe('0.000002')
})

test('a price shows as a person would write it', () => {
  expect([30_000n, 1_930_000n, 1_000_000n, 123_456n].map(priceToDecimal)).toEqual(['0.03', '1.93', '1.00', '0.123456'])
})

test('division is never off by more than a half', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.bigInt({ min: 1n, max: 10n ** 9n }),
      (numerator, divisor) => {
        const difference = divideHalfEven(numerator, divisor) * divisor - numerator
        expect((difference < 0n ? -difference : difference) * 2n <= divisor).toBe(true)
      },
    ),
  )
})

test('a run that is stopped ends with the transaction that leaves RUNNING', () => {
  const run = { startedAt: at(0), leftAt: at(100), ended: false, engineEnd: null, lastSeenAlive: at(90) }
  expect(endOfRun(run)).toEqual({ endedAt: at(100), endSource: 'TRANSACTION' })
})

test('a container that ended by itself ends the run when the engine saw it die', () => {
  const run = { startedAt: at(0), leftAt: at(100), ended: true, engineEnd: at(40), lastSeenAlive: at(30) }
  expect(endOfRun(run)).toEqual({ endedAt: at(40), endSource: 'ENGINE' })
})

test('a container that is gone ends the run when it was last seen alive', () => {
  const run = { startedAt: at(0), leftAt: at(100), ended: true, engineEnd: null, lastSeenAlive: at(30) }
  expect(endOfRun(run)).toEqual({ endedAt: at(30), endSource: 'LIVENESS' })
})

test('the end of a run lies between its start and the transaction that leaves RUNNING', () => {
  const offset = fc.integer({ min: -1000, max: 1000 })
  fc.assert(
    fc.property(fc.nat(1000), fc.boolean(), fc.option(offset), fc.option(offset), (length, ended, engine, seen) => {
      const end = endOfRun({
        startedAt: at(0),
        leftAt: at(length),
        ended,
        engineEnd: engine === null ? null : at(engine),
        lastSeenAlive: seen === null ? null : at(seen),
      })
      expect(end.endedAt.getTime()).toBeGreaterThanOrEqual(at(0).getTime())
      expect(end.endedAt.getTime()).toBeLessThanOrEqual(at(length).getTime())
    }),
  )
})
