import fc from 'fast-check'
import { expect, test } from 'vitest'
import { statementsOf, type ToldRun } from './bill-proof.ts'
import { monthOf } from './month.ts'

const TERMS = { flavor: 'f', units: 2, pricePerHourMicros: '30000', currency: 'EUR' }
const NOW = new Date('2026-06-01T00:00:00.000Z')

test('a minute is in the statement of the month in which it began, counted one by one, but for those that are waived', () => {
  const someRun = fc.record({
    start: fc.integer({ min: Date.UTC(2026, 0, 30), max: Date.UTC(2026, 1, 2) }),
    length: fc.integer({ min: 0, max: 40 * 86_400_000 }),
    waived: fc.integer({ min: 0, max: 3000 }),
  })
  fc.assert(
    fc.property(someRun, ({ start, length, waived }) => {
      const minutes = Math.max(1, Math.ceil(length / 60_000))
      const waivedMinutes = Math.min(waived, minutes)
      const endedAt = new Date(start + length)
      const end = { leftAt: endedAt, billed: { endedAt, endSource: 'ENGINE', waivedMinutes } } as const
      const run: ToldRun = { notebookId: 'n', startedAt: new Date(start), terms: TERMS, end }
      const counted: Record<string, number> = {}
      for (let minute = 0; minute < minutes - waivedMinutes; minute += 1) {
        const month = monthOf(new Date(start + minute * 60_000))
        counted[month] = (counted[month] ?? 0) + 1
      }
      const told = [...statementsOf([run], NOW)].map(([month, lines]) => [month, [...lines.values()]])
      const expected = Object.entries(counted).map(([month, minutes]) => [
        month,
        [{ minutes, numerator: BigInt(minutes) * 60_000n }],
      ])
      expect(told).toEqual(expected)
    }),
    { numRuns: 30 },
  )
})
