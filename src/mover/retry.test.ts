import { expect, test } from 'vitest'
import { retry } from './retry.ts'

const policy = { attempts: 4, firstPause: 1, longestPause: 2 }
const never = new AbortController().signal

function failing(times: number) {
  let calls = 0
  return async () => {
    if (++calls <= times) throw new Error(`failure ${calls}`)
    return calls
  }
}

test('tries again until it succeeds, or until the tries are used up', async () => {
  await expect(retry(policy, never, () => true, failing(3))).resolves.toBe(4)
  await expect(retry(policy, never, () => true, failing(4))).rejects.toThrow('failure 4')
})

test('does not try again what is not transient', async () => {
  await expect(retry(policy, never, () => false, failing(1))).rejects.toThrow('failure 1')
})

test('an abort ends a pause at once, with its reason', async () => {
  const end = new AbortController()
  const patient = { attempts: 2, firstPause: 1e9, longestPause: 1e9 }
  const call = retry(patient, end.signal, () => true, failing(1))
  end.abort(new Error('Cancelled.'))
  await expect(call).rejects.toThrow('Cancelled.')
})
