import { describe, expect, test } from 'vitest'
import { ValidationError } from './errors.ts'
import { deadlineOf, extendedDeadline, newDeadline, nextWarning, warningOf } from './run-limit.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const began = new Date('2026-01-01T00:00:00Z')
const at = (seconds: number) => new Date(began.getTime() + seconds * 1000)

test('a run ends after 7 days, or after its own shorter limit', () => {
  expect(deadlineOf(began, null)).toEqual(at(7 * DAY))
  expect(deadlineOf(began, HOUR)).toEqual(at(HOUR))
  expect(deadlineOf(began, 8 * DAY)).toEqual(at(7 * DAY))
})

describe('a deadline may be moved up to 28 days after the run began', () => {
  const run = { startedAt: began, stopsAt: at(7 * DAY) }
  test('to the second', () => {
    expect(extendedDeadline(run, HOUR)).toEqual(at(7 * DAY + HOUR))
    expect(extendedDeadline(run, 21 * DAY)).toEqual(at(28 * DAY))
  })
  test.each([21 * DAY + 1, 0, -HOUR, 1.5, Number.MAX_SAFE_INTEGER])('%d s are refused, with the ceiling', (seconds) => {
    const ceiling =
      'seconds: must be a whole number from 1 to 1814400: a run ends 28 days after it began, this one at 2026-01-29T00:00:00.000Z.'
    expect(() => extendedDeadline(run, seconds)).toThrow(ceiling)
    expect(() => extendedDeadline(run, seconds)).toThrow(ValidationError)
  })
  test('and not at all once it is there', () => {
    expect(() => extendedDeadline({ startedAt: began, stopsAt: at(28 * DAY) }, 1)).toThrow(
      'cannot be granted any more: a run ends 28 days after it began',
    )
  })
})

describe('warnings are due 24 h, 1 h and 5 min ahead of a deadline', () => {
  /** All that are given, as seconds ahead, by one who looks exactly when the next is due. */
  function given(stopsAt: Date, setAt: Date): number[] {
    const all: number[] = []
    let warned = newDeadline(stopsAt, setAt).warnedAhead
    for (let now = setAt; ; ) {
      const next = nextWarning(stopsAt, warned, now)
      if (!next) return all
      now = next.dueAt
      all.push(next.ahead)
      warned = next.ahead
    }
  }

  test('each once, and only those that lie within the run', () => {
    expect(given(at(7 * DAY), began)).toEqual([DAY, HOUR, 300])
    expect(given(at(DAY), began)).toEqual([HOUR, 300])
    expect(given(at(30 * 60), began)).toEqual([300])
    expect(given(at(60), began)).toEqual([])
  })

  test('anew for a deadline that was moved, those that are past by then left out', () => {
    expect(given(at(8 * DAY), at(7 * DAY - 60))).toEqual([DAY, HOUR, 300])
    expect(given(at(2 * HOUR), at(HOUR - 60))).toEqual([HOUR, 300])
    expect(given(at(HOUR + 600), at(HOUR - 60))).toEqual([300])
  })

  test('of several that were missed, only the nearest', () => {
    const stopsAt = at(7 * DAY)
    expect(nextWarning(stopsAt, null, at(7 * DAY - 1800))).toEqual({ ahead: HOUR, dueAt: at(7 * DAY - HOUR) })
    expect(nextWarning(stopsAt, HOUR, at(7 * DAY - 1800))).toEqual({ ahead: 300, dueAt: at(7 * DAY - 300) })
    expect(nextWarning(stopsAt, 300, at(7 * DAY - 1))).toBeNull()
  })
})

test.each([
  [DAY - 0.4, '24 hours'],
  [HOUR, '1 hour'],
  [42 * 60, '42 minutes'],
  [300, '5 minutes'],
  [3, '1 minute'],
])('a warning says how long it is until then: %d s', (left, words) => {
  const text = warningOf({ stopsAt: at(left), autoRestart: false }, began)
  expect(text).toBe(
    `The run reaches its time limit in ${words}; the notebook will then be stopped and saved. extendNotebook moves the limit.`,
  )
})

test('a warning ahead of an automatic restart says that it will restart', () => {
  expect(warningOf({ stopsAt: at(300), autoRestart: true }, began)).toBe(
    'The run reaches its time limit in 5 minutes; the notebook will then restart, and its files stay.',
  )
})
