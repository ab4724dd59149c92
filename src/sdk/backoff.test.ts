import { expect, test } from 'vitest'
import { backoff, pause } from './backoff.ts'

test('attempts come later and later up to a limit, spread over half of it', () => {
  expect([1, 2, 3, 20].map((attempt) => backoff(attempt, 0))).toEqual([100, 200, 400, 7500])
  expect([1, 2, 3, 20].map((attempt) => backoff(attempt, 1))).toEqual([200, 400, 800, 15_000])
})

test('a pause ends at once when its signal is or becomes aborted', async () => {
  await pause(1e9, AbortSignal.abort())
  const abort = new AbortController()
  const paused = pause(1e9, abort.signal)
  abort.abort()
  await paused
})
