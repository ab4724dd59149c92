import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Clock } from '../domain/clock.ts'
import { Readiness } from './readiness.ts'

const log = pino({ level: 'silent' })

/** Time that goes on when told to. */
function heldTime() {
  const due = new Set<() => void>()
  const clock: Clock = {
    now: () => new Date(),
    random: () => 0,
    sleep: (_ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      due.add(resolve)
      signal.addEventListener('abort', () => resolve())
      return promise
    },
  }
  return { clock, pass: () => due.forEach((resolve) => void resolve()) }
}

test('all parts are asked at the same time, and one that hangs counts as failing when its time is up', async () => {
  const { clock, pass } = heldTime()
  const checks = {
    database: async () => 'well',
    engine: () => Promise.reject(new Error('no such socket')),
    objectStorage: () => new Promise<never>(() => undefined),
  }
  const failing = new Readiness({ checks, warnings: () => [], clock, log }).failing()
  pass()
  expect(await failing).toEqual(['engine', 'objectStorage'])
})

test('who asks while the parts are being asked shares the answer', async () => {
  let asked = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const check = () => {
    asked += 1
    return promise
  }
  const readiness = new Readiness({ checks: { database: check }, warnings: () => [], clock: heldTime().clock, log })
  const answers = Promise.all([readiness.failing(), readiness.failing()])
  resolve()
  expect(await answers).toEqual([[], []])
  expect(asked).toBe(1)
  await readiness.failing()
  expect(asked).toBe(2)
})
