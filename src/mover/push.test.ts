/** What a push does, on real directories and a bucket in memory. */
import { once } from 'node:events'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { EXIT } from './protocol.ts'
import { Trial } from './trial.ts'

describe('a push', () => {
  async function synced(permission: 'RW' | 'RWD', count = 4): Promise<Trial> {
    const trial = new Trial({ permission })
    for (let i = 0; i < count; i++) trial.bucket.write(`f${i}`, `v${i}`)
    await trial.pull()
    return trial
  }

  describe.each(['RW', 'RWD'] as const)('%s', (permission) => {
    test('carries new, modified, touched and mode-changed files and leaves the rest', async () => {
      using trial = await synced(permission)
      trial.write('f0', 'modified')
      trial.write('sub/new', 'new')
      trial.touch('f1')
      chmodSync(trial.path('f2'), 0o600)
      expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 4, filesSkipped: 1, filesTotal: 5 })
      expect(trial.bucket.text('f0')).toBe('modified')
      expect(trial.bucket.text('sub/new')).toBe('new')
      expect(trial.bucket.objects.get('f1')?.metadata.mtime).toBe('1000000000.000000000')
      expect(trial.bucket.objects.get('f2')?.metadata.mode).toBe(String(0o100600))
      expect(await trial.push()).toMatchObject({ filesDone: 0, bytesTotal: 0 })
    })

    test('never overwrites what changed in the bucket: the local version goes beside, once, and is reported', async () => {
      using trial = await synced(permission)
      trial.write('f0', 'mine')
      trial.bucket.write('f0', 'theirs')
      const { conflicts, state } = await trial.push()
      const [{ keptAs } = { keptAs: '' }] = conflicts
      expect(state).toBe('done')
      expect(keptAs).toMatch(/^f0\.conflict-heron-\d{8}T\d{9}Z$/)
      expect(trial.bucket.text('f0')).toBe('theirs')
      expect(trial.bucket.text(keptAs)).toBe('mine')
      expect(await trial.push()).toMatchObject({ filesDone: 0, conflicts: [] })
      trial.write('f0', 'mine again')
      const again = await trial.push()
      expect(trial.bucket.text('f0')).toBe('theirs')
      expect(trial.bucket.text(again.conflicts[0]?.keptAs ?? '')).toBe('mine again')
    })

    test('after a conflict a pull lays the remote version beside, and then the local one may replace it', async () => {
      using trial = await synced(permission)
      trial.write('f0', 'mine')
      trial.bucket.write('f0', 'theirs')
      await trial.push()
      const { conflicts } = await trial.pull()
      expect(trial.text('f0')).toBe('mine')
      expect(trial.text(conflicts[0]?.keptAs ?? '')).toBe('theirs')
      expect(await trial.push()).toMatchObject({ state: 'done', conflicts: [] })
      expect(trial.bucket.text('f0')).toBe('mine')
    })

    test('two new files of one name are a conflict too', async () => {
      using trial = await synced(permission)
      trial.write('new', 'mine')
      trial.bucket.write('new', 'theirs')
      expect(await trial.push()).toMatchObject({ conflicts: [{ path: 'new' }] })
      expect(trial.bucket.text('new')).toBe('theirs')
    })

    test('a version that changes between listing and upload is not overwritten either', async () => {
      using trial = await synced(permission)
      trial.write('f0', 'mine')
      trial.bucket.fault = (method, key) => {
        if (method !== 'put' || key !== 'f0') return
        trial.bucket.fault = () => undefined
        trial.bucket.write('f0', 'theirs, just now')
      }
      expect(await trial.push()).toMatchObject({ state: 'done', conflicts: [{ path: 'f0' }] })
      expect(trial.bucket.text('f0')).toBe('theirs, just now')
    })

    test('leaves deleted what others deleted in the bucket', async () => {
      using trial = await synced(permission)
      trial.bucket.objects.delete('f0')
      expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 0 })
      expect(trial.bucket.keys()).toEqual(['f1', 'f2', 'f3'])
    })

    test('creates a missing bucket, and saves everything to one that was deleted', async () => {
      using trial = await synced(permission)
      trial.bucket.objects.clear()
      trial.bucket.exists = false
      expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 4 })
      expect(trial.bucket.keys()).toEqual(['f0', 'f1', 'f2', 'f3'])
    })

    test('a fresh directory in place of the old one never passes for deletions', async () => {
      using trial = await synced(permission)
      trial.remove('')
      mkdirSync(trial.dataDir)
      expect(await trial.push({ confirmDeletions: true })).toMatchObject({ filesDeleted: 0 })
      await trial.pull()
      expect(Object.keys(trial.tree())).toHaveLength(4)
    })
  })

  test('RW leaves in the bucket what was deleted here; RWD deletes it', async () => {
    using rw = await synced('RW')
    using rwd = await synced('RWD')
    for (const trial of [rw, rwd]) {
      trial.remove('f0')
      await trial.push()
    }
    expect(rw.bucket.keys()).toEqual(['f0', 'f1', 'f2', 'f3'])
    expect(rwd.bucket.keys()).toEqual(['f1', 'f2', 'f3'])
  })

  test('RWD does not delete what changed in the bucket since', async () => {
    using trial = await synced('RWD')
    trial.remove('f0')
    trial.bucket.write('f0', 'changed there')
    expect(await trial.push()).toMatchObject({ state: 'done', filesDeleted: 0 })
    expect(trial.bucket.text('f0')).toBe('changed there')
  })

  test('RWD holds deletions of more than half, still uploads the rest, and carries them out when confirmed', async () => {
    using trial = await synced('RWD')
    for (const name of ['f0', 'f1', 'f2']) trial.remove(name)
    trial.write('new', 'new')
    expect(await trial.push()).toMatchObject({ state: 'done', deletionsHeld: 3, filesDeleted: 0, filesDone: 1 })
    expect(trial.bucket.keys()).toEqual(['f0', 'f1', 'f2', 'f3', 'new'])
    expect(await trial.push({ confirmDeletions: true })).toMatchObject({ deletionsHeld: 0, filesDeleted: 3 })
    expect(trial.bucket.keys()).toEqual(['f3', 'new'])
  })

  test('RWD: half of the objects may go without a question', async () => {
    using trial = await synced('RWD')
    for (const name of ['f0', 'f1']) trial.remove(name)
    expect(await trial.push()).toMatchObject({ deletionsHeld: 0, filesDeleted: 2 })
  })

  test('what cannot be carried is reported, the rest is carried, and a symlink in a volume fails the push', async () => {
    using trial = await synced('RW')
    symlinkSync('/etc', trial.path('link'))
    trial.write('new', 'new')
    const result = await trial.push()
    expect(result).toMatchObject({
      state: 'failed',
      filesDone: 1,
      filesFailed: 1,
      error: { kind: 'data', ofFiles: true },
    })
    expect(result.failures).toEqual([{ path: 'link', message: expect.stringContaining('symbolic link') }])
    expect(trial.bucket.text('new')).toBe('new')
    expect(trial.exitCode).toBe(EXIT.DATA)
  })

  test('a socket or FIFO is reported, but holds no content whose loss would fail the push', async () => {
    using trial = await synced('RW')
    const server = createServer().listen(trial.path('socket'))
    await once(server, 'listening')
    expect(await trial.push()).toMatchObject({ state: 'done', filesFailed: 1, failures: [{ path: 'socket' }] })
    server.close()
  })

  test('a name that is not UTF-8 is reported and fails the push', async () => {
    using trial = await synced('RW')
    writeFileSync(Buffer.concat([Buffer.from(`${trial.dataDir}/`), Buffer.from([0x66, 0xff])]), 'x')
    expect(await trial.push()).toMatchObject({
      state: 'failed',
      failures: [{ message: expect.stringContaining('UTF-8') }],
    })
  })

  test('a file that is replaced by a symlink keeps its object', async () => {
    using trial = await synced('RWD')
    trial.remove('f0')
    symlinkSync('/etc/passwd', trial.path('f0'))
    await trial.push()
    expect(trial.bucket.text('f0')).toBe('v0')
  })

  test('an upload that the listing shows otherwise is a failure, and no record of it remains', async () => {
    using trial = await synced('RW')
    trial.write('f0', 'mine')
    let lists = 0
    trial.bucket.fault = (method) => {
      if (method === 'list' && ++lists === 2) trial.bucket.write('f0', 'theirs, right after')
    }
    expect(await trial.push()).toMatchObject({ state: 'failed', failures: [{ path: 'f0' }] })
    expect(await trial.push()).toMatchObject({ state: 'done', conflicts: [{ path: 'f0' }] })
    expect(trial.bucket.text('f0')).toBe('theirs, right after')
  })

  test('an upload that the store lost is uploaded again', async () => {
    using trial = await synced('RW')
    trial.write('f0', 'mine')
    let lists = 0
    trial.bucket.fault = (method) => {
      if (method === 'list' && ++lists === 2) trial.bucket.objects.delete('f0')
    }
    expect(await trial.push()).toMatchObject({ state: 'failed', error: { kind: 'store' } })
    expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 1 })
    expect(trial.bucket.text('f0')).toBe('mine')
  })

  test('interrupted anywhere and run again, everything is there once and nothing is a conflict', async () => {
    for (let interruption = 0; interruption < 20; interruption++) {
      using trial = await synced('RWD')
      for (let i = 0; i < 10; i++) trial.write(`new/${i}`, `content ${i}`)
      trial.remove('f0')
      const kill = new AbortController()
      let calls = 0
      trial.bucket.fault = (method) => {
        if (method === 'put' && calls++ === interruption % 10) kill.abort(new Error('killed'))
        // Odd runs: the write goes through and only its answer is lost.
        if (interruption % 2 === 0) kill.signal.throwIfAborted()
      }
      await expect(trial.push({ signal: kill.signal })).rejects.toThrow('killed')
      trial.bucket.fault = () => undefined
      expect(await trial.push()).toMatchObject({ state: 'done', conflicts: [] })
      expect(trial.bucket.keys()).toEqual(['f1', 'f2', 'f3', ...Array.from({ length: 10 }, (_, i) => `new/${i}`)])
    }
  })
})
