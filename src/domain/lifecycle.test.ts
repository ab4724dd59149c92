import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  assertTransition,
  ForbiddenTransitionError,
  type Place,
  placeOf,
  retryDelay,
  TRANSITIONS,
} from './lifecycle.ts'

const places = Object.keys(TRANSITIONS) as Place[]

test('a change that the table does not have is refused', () => {
  expect(() => assertTransition('RUNNING', 'STOPPED')).toThrow(ForbiddenTransitionError)
  expect(() => assertTransition('STOPPED', 'RUNNING')).toThrow(ForbiddenTransitionError)
  expect(() => assertTransition('RUNNING', 'STOPPING/STOPPING_CONTAINER')).not.toThrow()
})

test('every place that can be reached has a way on', () => {
  for (const targets of Object.values(TRANSITIONS)) for (const target of targets) expect(places).toContain(target)
})

test('STARTING and RUNNING are left only by way of STOPPING, where data is saved', () => {
  for (const [from, targets] of Object.entries(TRANSITIONS))
    if (from.startsWith('STARTING') || from === 'RUNNING')
      for (const target of targets) expect(target).toMatch(/^(STARTING|RUNNING|STOPPING\/STOPPING_CONTAINER)/)
})

test('stop is accepted at every phase of STARTING', () => {
  for (const place of places.filter((each) => each.startsWith('STARTING')))
    expect(TRANSITIONS[place]).toContain('STOPPING/STOPPING_CONTAINER')
})

test('a state and its phase make a place', () => {
  expect(placeOf('STARTING', 'QUEUED')).toBe('STARTING/QUEUED')
  expect(placeOf('RUNNING', null)).toBe('RUNNING')
})

test('a platform fault is tried again after 1 s … 60 s, later each time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, random) => {
        const delay = retryDelay(attempt, random)
        expect(delay).toBeGreaterThanOrEqual(1000)
        expect(delay).toBeLessThanOrEqual(60_000)
        expect(retryDelay(attempt + 1, random)).toBeGreaterThanOrEqual(delay)
      },
    ),
  )
})
