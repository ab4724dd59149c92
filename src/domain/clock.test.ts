import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

test('a sleep ends at once when its signal is or becomes aborted', async () => {
  await systemClock.sleep(1e9, AbortSignal.abort())
  const abort = new AbortController()
  const slept = systemClock.sleep(1e9, abort.signal)
  abort.abort()
  await expect(slept).resolves.toBeUndefined()
})
