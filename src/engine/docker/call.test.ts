import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EngineUnavailableError } from '../port.ts'
import { call, unless } from './call.ts'

const refusal = (statusCode: number) => Object.assign(new Error('(HTTP code) reason'), { statusCode })

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a call that is never answered ends at its limit, and is aborted', async () => {
  let signal: AbortSignal | undefined
  const calling = call('answer', 15, (limit) => {
    signal = limit
    return Promise.withResolvers().promise
  })
  const failed = expect(calling).rejects.toThrow(new EngineUnavailableError('Docker did not answer within 15 s.'))
  await vi.advanceTimersByTimeAsync(14_999)
  expect(signal?.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await failed
  expect(signal?.aborted).toBe(true)
})

test('an answer in time leaves no timer behind', async () => {
  await expect(call('answer', 15, async () => 'yes')).resolves.toBe('yes')
  expect(vi.getTimerCount()).toBe(0)
})

test('faults of the daemon and of the way to it are unavailability', async () => {
  const faults = [
    refusal(500),
    refusal(503),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('aborted'), { code: 'ECONNRESET' }),
    new DOMException('aborted', 'AbortError'),
  ]
  for (const fault of faults)
    await expect(call('answer', 1, () => Promise.reject(fault))).rejects.toBeInstanceOf(EngineUnavailableError)
})

test('refusals and bugs stay what they are', async () => {
  for (const error of [refusal(404), refusal(409), new TypeError('a bug')])
    await expect(call('answer', 1, () => Promise.reject(error))).rejects.toBe(error)
})

test('one refusal can be taken for an answer', async () => {
  await expect(unless(404, Promise.reject(refusal(404)), null)).resolves.toBeNull()
  await expect(unless(404, Promise.reject(refusal(409)), null)).rejects.toThrow('reason')
})
