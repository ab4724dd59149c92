import { expect, test } from 'vitest'
import { boundsOf, closesAt, monthOf, parseMonth, type YearMonth } from './month.ts'

test('a month is a year and a number from 01 to 12', () => {
  expect(['2026-11', '0099-01', '2026-13', '2026-00', '26-1', '2026-11-01', ''].map(parseMonth)).toEqual([
    '2026-11',
    '0099-01',
    null,
    null,
    null,
    null,
    null,
  ])
})

test.each<[YearMonth, string, string]>([
  ['2026-11', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
  ['2026-12', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ['2028-02', '2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  ['0099-12', '0099-12-01T00:00:00.000Z', '0100-01-01T00:00:00.000Z'],
])('%s goes from midnight to midnight, UTC', (month, from, to) => {
  expect(boundsOf(month)).toEqual({ from: new Date(from), to: new Date(to) })
})

test('a moment lies in a month by its time in UTC', () => {
  expect(monthOf(new Date('2026-11-30T23:59:59.999Z'))).toBe('2026-11')
  expect(monthOf(new Date('2026-12-01T00:00:00.000Z'))).toBe('2026-12')
})

test('a month closes 72 h after its end', () => {
  expect(closesAt('2026-11')).toEqual(new Date('2026-12-04T00:00:00.000Z'))
})
