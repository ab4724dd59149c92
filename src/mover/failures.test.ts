/** What an interruption, an absent store or a fault of our own leaves, on real directories and a bucket in memory. */
import { describe, expect, test } from 'vitest'
import { EXIT } from './protocol.ts'
import { StoreError } from './store.ts'
import { Trial } from './trial.ts'

const MIB = 1024 * 1024

describe('failures', () => {
  test('the store being away ends the target at once and is worth a retry', async () => {
    using trial = new Trial()
    for (let i = 0; i < 100; i++) trial.bucket.write(`f${i}`, 'x')
    trial.bucket.fault = (method) => {
      if (method === 'get') throw new StoreError('unavailable', 'The store is away.')
    }
    expect(await trial.pull()).toMatchObject({
      state: 'failed',
      error: {
        kind: 'store',
        message: expect.stringMatching(
          /^The store is away\. Not carried before that: "f\d+", "f\d+", "f\d+" and 4 more\.$/,
        ),
      },
    })
    expect(trial.bucket.calls.get).toBeLessThan(30)
    expect(trial.exitCode).toBe(EXIT.STORE)
    expect(trial.tree()).toEqual({})
  })

  test('one object that is refused fails the pull as the fault of the user, after the rest was carried', async () => {
    using trial = new Trial()
    for (let i = 0; i < 10; i++) trial.bucket.write(`f${i}`, 'x')
    trial.bucket.fault = (method, key) => {
      if (method === 'get' && key === 'f5') throw new StoreError('refused', 'The store refused access.')
    }
    expect(await trial.pull()).toMatchObject({
      state: 'failed',
      filesDone: 9,
      filesFailed: 1,
      error: { kind: 'data', ofFiles: false },
    })
    trial.bucket.fault = () => undefined
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 1, filesSkipped: 9 })
  })

  test('the reason names the first files that could not be carried', async () => {
    using trial = new Trial()
    for (let i = 0; i < 9; i++) trial.bucket.write(`f${i}`, 'x')
    trial.bucket.fault = (method, key) => {
      if (method === 'get' && key < 'f5') throw new StoreError('refused', 'Access denied.')
    }
    expect((await trial.pull()).error?.message).toMatch(
      /^"f\d" could not be carried: Access denied\. Nor could "f\d", "f\d" and 2 more\.$/,
    )
  })

  test('a body that breaks off is taken up where it ended', async () => {
    using trial = new Trial()
    trial.bucket.write('file', 'x'.repeat(1000))
    trial.bucket.deliver = (_, from) => (from < 800 ? 400 : 1000)
    expect(await trial.pull()).toMatchObject({ state: 'done', bytesDone: 1000, bytesTotal: 1000 })
    expect(trial.text('file')).toBe('x'.repeat(1000))
    expect(trial.bucket.calls.get).toBe(3)
  })

  test('an object that changes while its body breaks off is read anew, never mixed', async () => {
    using trial = new Trial()
    trial.bucket.write('file', 'old '.repeat(100))
    trial.bucket.deliver = () => {
      trial.bucket.deliver = () => 1000
      trial.bucket.write('file', 'new '.repeat(50))
      return 100
    }
    expect(await trial.pull()).toMatchObject({ state: 'done', bytesDone: 200, bytesTotal: 200 })
    expect(trial.text('file')).toBe('new '.repeat(50))
    expect(await trial.pull()).toMatchObject({ filesDone: 0, filesSkipped: 1 })
  })

  test('a file that changes while it is being read is read anew, never mixed', async () => {
    using trial = new Trial()
    trial.write('large', Buffer.alloc(17 * MIB, 'a'))
    trial.bucket.fault = (method) => {
      if (method !== 'putPart') return
      trial.bucket.fault = () => undefined
      trial.write('large', Buffer.alloc(18 * MIB, 'b'))
    }
    expect(await trial.push()).toMatchObject({ state: 'done', bytesDone: 18 * MIB, bytesTotal: 18 * MIB })
    expect(trial.bucket.objects.get('large')?.bytes.equals(Buffer.alloc(18 * MIB, 'b'))).toBe(true)
  })

  test('a file that never stops changing is a failure, and nothing of it is taken for saved', async () => {
    using trial = new Trial()
    trial.write('large', Buffer.alloc(17 * MIB))
    let size = 17 * MIB
    trial.bucket.fault = (method) => {
      if (method === 'putPart') trial.write('large', Buffer.alloc(++size))
    }
    expect(await trial.push()).toMatchObject({
      state: 'failed',
      bytesDone: 0,
      error: { kind: 'data', message: expect.stringContaining('kept changing') },
    })
    expect(trial.bucket.keys()).toEqual([])
    expect(trial.bucket.uploads.size).toBe(0)
  })

  test('a file that is written while its new version is fetched is kept, the fetched one laid beside', async () => {
    using trial = new Trial()
    trial.bucket.write('file', 'old')
    await trial.pull()
    trial.bucket.write('file', 'theirs')
    trial.bucket.deliver = () => {
      trial.write('file', 'mine, just now')
      return 1000
    }
    const { conflicts } = await trial.pull()
    expect(trial.text('file')).toBe('mine, just now')
    expect(trial.text(conflicts[0]?.keptAs ?? '')).toBe('theirs')
  })

  test('what was not foreseen is a bug, and says so', async () => {
    using trial = new Trial()
    trial.bucket.fault = () => {
      throw new TypeError('undefined is not a function')
    }
    expect(await trial.pull()).toMatchObject({ state: 'failed', error: { kind: 'bug' } })
    expect(trial.exitCode).toBe(EXIT.BUG)
  })

  test('multipart uploads that a kill left are given up by the next push', async () => {
    using trial = new Trial()
    trial.write('large', Buffer.alloc(17 * MIB))
    const kill = new AbortController()
    trial.bucket.fault = (method) => {
      if (method === 'putPart') kill.abort(new Error('killed'))
      kill.signal.throwIfAborted()
    }
    await expect(trial.push({ signal: kill.signal })).rejects.toThrow('killed')
    expect(trial.bucket.uploads.size).toBe(1)
    trial.bucket.fault = () => undefined
    await trial.push()
    expect(trial.bucket.uploads.size).toBe(0)
    expect(trial.bucket.keys()).toEqual(['large'])
  })
})
