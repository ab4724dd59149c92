/** Pull and push of whole volumes and workspaces, on real directories and a bucket in memory. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EXIT } from './protocol.ts'
import { StoreError } from './store.ts'
import { Trial } from './trial.ts'

const MIB = 1024 * 1024

function touch(path: string): void {
  utimesSync(path, 1_000_000_000, 1_000_000_000)
}

describe('round trip', () => {
  test('files keep path, content, mode and mtime; a second run moves nothing', async () => {
    using here = new Trial({ prefix: 'some/prefix/' })
    here.write('a.txt', 'alpha')
    here.write('folder/with space/é+%&?#.txt', 'beta')
    here.write('empty', '')
    chmodSync(here.path('a.txt'), 0o640)
    utimesSync(here.path('a.txt'), 981173106.123456, 981173106.123456)
    expect(await here.push()).toMatchObject({ state: 'done', filesDone: 3, filesTotal: 3, bytesDone: 9, bytesTotal: 9 })
    expect(here.bucket.text('some/prefix/folder/with space/é+%&?#.txt')).toBe('beta')

    using there = new Trial({ prefix: 'some/prefix/' }, here.bucket)
    expect(await there.pull()).toMatchObject({ state: 'done', filesDone: 3, bytesDone: 9 })
    expect(there.tree()).toEqual(here.tree())
    expect(there.mode('a.txt')).toBe(0o640)
    expect(statSync(there.path('a.txt')).mtimeMs).toBeCloseTo(981173106123.456, 2)

    const calls = { ...here.bucket.calls }
    for (const result of [await there.pull(), await there.push(), await here.push()])
      expect(result).toMatchObject({ state: 'done', filesDone: 0, filesSkipped: 3, filesTotal: 3, bytesTotal: 0 })
    const { list: _, ...moved } = calls
    expect(here.bucket.calls).toMatchObject(moved)
  })

  test('the workspace also keeps symlinks, wherever they point, and empty folders', async () => {
    using here = new Trial({ kind: 'workspace', permission: 'RWD' })
    mkdirSync(here.path('empty/inner'), { recursive: true })
    here.write('target.txt', 'content')
    symlinkSync('target.txt', here.path('inside'))
    symlinkSync('/etc/passwd', here.path('outside'))
    symlinkSync('nowhere/é', here.path('broken'))
    chmodSync(here.path('empty/inner'), 0o700)
    expect(await here.push()).toMatchObject({ state: 'done', filesDone: 5, failures: [] })

    using there = new Trial({ kind: 'workspace', permission: 'RWD' }, here.bucket)
    expect(await there.pull()).toMatchObject({ state: 'done', filesDone: 5 })
    expect(there.tree()).toEqual(here.tree())
    expect(there.mode('empty/inner')).toBe(0o700)
    expect(await there.push()).toMatchObject({ filesDone: 0, filesSkipped: 5 })
  })

  test('a large file goes in parts, and is known again by its parts', async () => {
    using here = new Trial()
    const content = Buffer.alloc(40 * MIB, 'ab')
    here.write('large', content)
    expect(await here.push()).toMatchObject({ state: 'done', bytesDone: content.length, bytesTotal: content.length })
    expect(here.bucket.calls.putPart).toBe(3)
    expect(here.bucket.uploads.size).toBe(0)

    using there = new Trial({}, here.bucket)
    await there.pull()
    expect(readFileSync(there.path('large')).equals(content)).toBe(true)
    using copy = new Trial({}, here.bucket)
    copy.write('large', content)
    expect(await copy.pull()).toMatchObject({ filesDone: 0, filesSkipped: 1, conflicts: [] })
  })

  test('any tree of a workspace comes back exactly', async () => {
    const name = fc.string({
      unit: fc.constantFrom('a', 'b', '.', ' ', '-', '\n', 'é', '\u{1f600}', '\uff5e', '+', '%'),
      minLength: 1,
      maxLength: 3,
    })
    const path = fc.array(
      name.filter((text) => text !== '.' && text !== '..'),
      { minLength: 1, maxLength: 3 },
    )
    const entry = fc.record({ path, content: fc.option(fc.string({ maxLength: 5 })), link: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (entries) => {
        using here = new Trial({ kind: 'workspace', permission: 'RWD' })
        for (const { path, content, link } of entries) build(here, path.join('/'), content, link)
        expect(await here.push()).toMatchObject({ state: 'done', failures: [] })
        using there = new Trial({ kind: 'workspace', permission: 'RWD' }, here.bucket)
        expect(await there.pull()).toMatchObject({ state: 'done', failures: [] })
        expect(there.tree()).toEqual(here.tree())
      }),
      { numRuns: 40 },
    )
  })
})

/** Makes an entry unless another is in its way. */
function build(trial: Trial, path: string, content: string | null, link: boolean): void {
  try {
    if (content === null) mkdirSync(trial.path(path), { recursive: true })
    else if (link) symlinkSync(content || '/', trial.path(path))
    else trial.write(path, content)
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toMatch(/EEXIST|ENOTDIR|EISDIR|ENOENT|EINVAL|ELOOP/)
  }
}

describe('a pull', () => {
  /** Two files in the bucket and here, as the last sync left them. */
  async function synced(permission: 'RO' | 'RW' | 'RWD'): Promise<Trial> {
    const trial = new Trial({ permission })
    trial.bucket.write('a', 'a1')
    trial.bucket.write('b', 'b1')
    await trial.pull()
    return trial
  }

  describe.each(['RW', 'RWD'] as const)('%s', (permission) => {
    test('replaces what changed in the bucket only', async () => {
      using trial = await synced(permission)
      trial.bucket.write('a', 'a2 longer')
      expect(await trial.pull()).toMatchObject({ filesDone: 1, filesSkipped: 1, conflicts: [] })
      expect(trial.tree()).toEqual({ a: 'a2 longer', b: 'b1' })
    })

    test('keeps what changed here only, and a push carries it', async () => {
      using trial = await synced(permission)
      trial.write('a', 'mine')
      expect(await trial.pull()).toMatchObject({ filesDone: 0, filesSkipped: 2 })
      expect(trial.tree()).toEqual({ a: 'mine', b: 'b1' })
      await trial.push()
      expect(trial.bucket.text('a')).toBe('mine')
    })

    test('keeps both when both changed: the remote one is laid beside, once, and a push carries the local one', async () => {
      using trial = await synced(permission)
      trial.write('a', 'mine')
      trial.bucket.write('a', 'theirs')
      const { conflicts } = await trial.pull()
      const [{ keptAs } = { keptAs: '' }] = conflicts
      expect(keptAs).toMatch(/^a\.remote-2030\d{4}T\d{9}Z$/)
      expect(trial.tree()).toEqual({ a: 'mine', b: 'b1', [keptAs]: 'theirs' })
      expect(await trial.pull()).toMatchObject({ filesDone: 0, conflicts: [] })
      expect(await trial.push()).toMatchObject({ state: 'done', conflicts: [] })
      expect(trial.bucket.text('a')).toBe('mine')
      expect(trial.bucket.text(keptAs)).toBe('theirs')
    })

    test('takes the same change on both sides for no conflict', async () => {
      using trial = await synced(permission)
      trial.write('a', 'same')
      trial.bucket.write('a', 'same')
      expect(await trial.pull()).toMatchObject({ filesDone: 0, filesSkipped: 2, conflicts: [] })
    })

    test('takes a file that was only touched here for unchanged', async () => {
      using trial = await synced(permission)
      touch(trial.path('a'))
      trial.bucket.write('a', 'a2')
      expect(await trial.pull()).toMatchObject({ filesDone: 1, conflicts: [] })
      expect(trial.text('a')).toBe('a2')
    })

    test('removes what was deleted in the bucket and is unchanged here, and keeps what changed', async () => {
      using trial = await synced(permission)
      trial.write('b', 'mine')
      trial.bucket.objects.clear()
      expect(await trial.pull()).toMatchObject({ filesDeleted: 1 })
      expect(trial.tree()).toEqual({ b: 'mine' })
    })

    test('leaves new files here alone', async () => {
      using trial = await synced(permission)
      trial.write('folder/new', 'mine')
      await trial.pull()
      expect(trial.tree()).toEqual({ a: 'a1', b: 'b1', 'folder/new': 'mine' })
    })

    test('brings back what was deleted here but changed in the bucket', async () => {
      using trial = await synced(permission)
      trial.remove('a')
      trial.bucket.write('a', 'a2')
      await trial.pull()
      expect(trial.tree()).toEqual({ a: 'a2', b: 'b1' })
    })

    test('removes nothing when the bucket itself is gone', async () => {
      using trial = await synced(permission)
      trial.bucket.exists = false
      expect(await trial.pull()).toMatchObject({ state: 'done', filesDeleted: 0 })
      expect(trial.tree()).toEqual({ a: 'a1', b: 'b1' })
      await trial.push()
      expect(trial.bucket.keys()).toEqual(['a', 'b'])
    })
  })

  test('RW: what was deleted here comes back; RWD: it stays deleted', async () => {
    using rw = await synced('RW')
    using rwd = await synced('RWD')
    for (const trial of [rw, rwd]) {
      trial.remove('a')
      await trial.pull()
    }
    expect(rw.tree()).toEqual({ a: 'a1', b: 'b1' })
    expect(rwd.tree()).toEqual({ b: 'b1' })
  })

  test('RO mirrors the bucket, whatever happened here', async () => {
    using trial = await synced('RO')
    trial.write('a', 'changed here')
    trial.remove('b')
    trial.write('folder/new', 'new here')
    trial.bucket.write('c', 'c1')
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 3, filesDeleted: 1 })
    expect(trial.tree()).toEqual({ a: 'a1', b: 'b1', c: 'c1' })
    expect(await trial.push()).toMatchObject({ state: 'done', filesTotal: 0 })
  })

  test('a file may become a folder in the bucket, and a folder a file', async () => {
    using trial = new Trial()
    trial.bucket.write('a', 'file')
    trial.bucket.write('b/c', 'below')
    await trial.pull()
    trial.bucket.objects.clear()
    trial.bucket.write('a/x', 'below')
    trial.bucket.write('b', 'file')
    expect(await trial.pull()).toMatchObject({ state: 'done', failures: [] })
    expect(trial.tree()).toEqual({ 'a/x': 'below', b: 'file' })
  })

  test('a missing bucket is empty, but for RO an error of the user', async () => {
    using rw = new Trial({ permission: 'RW' })
    using ro = new Trial({ permission: 'RO' })
    for (const trial of [rw, ro]) trial.bucket.exists = false
    expect(await rw.pull()).toMatchObject({ state: 'done', filesTotal: 0 })
    expect(await ro.pull()).toMatchObject({
      state: 'failed',
      error: { kind: 'data', message: expect.stringContaining('"bucket"') },
    })
    expect(ro.exitCode).toBe(EXIT.DATA)
  })

  test('what an interrupted pull wrote aside is removed, never followed and never pushed', async () => {
    using trial = new Trial()
    trial.write('.cahier-aside/0', 'half')
    trial.write('.cahier-aside/deep/1', 'half')
    symlinkSync(trial.root, trial.path('.cahier-aside/link'))
    await trial.push()
    expect(trial.bucket.keys()).toEqual([])
    await trial.pull()
    expect(existsSync(trial.path('.cahier-aside'))).toBe(false)
    expect(existsSync(trial.sideDir)).toBe(true)
  })

  test('more than the disk holds is refused before a byte moves, with how much is needed', async () => {
    using trial = new Trial()
    trial.bucket.write('huge', 'x')
    trial.bucket.listedSizes.set('huge', 2 ** 50)
    const { error } = await trial.pull()
    expect(error).toMatchObject({ kind: 'data', message: expect.stringContaining('1073741824.0 MiB more are needed') })
    expect(trial.bucket.calls.get).toBeUndefined()
    expect(trial.tree()).toEqual({})
  })
})

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
      touch(trial.path('f1'))
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
    expect(result).toMatchObject({ state: 'failed', filesDone: 1, filesFailed: 1, error: { kind: 'data' } })
    expect(result.failures).toEqual([{ path: 'link', message: expect.stringContaining('symbolic link') }])
    expect(trial.bucket.text('new')).toBe('new')
    expect(trial.exitCode).toBe(EXIT.DATA)
  })

  test('a socket or FIFO is reported, but holds no content whose loss would fail the push', async () => {
    using trial = await synced('RW')
    execFileSync('mkfifo', [trial.path('fifo')])
    expect(await trial.push()).toMatchObject({ state: 'done', filesFailed: 1, failures: [{ path: 'fifo' }] })
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

describe('the workspace', () => {
  test('mirrors deletions without holding them, and saves again what vanished from the bucket', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    for (const name of ['a', 'b', 'c']) trial.write(name, name)
    await trial.push()
    trial.remove('a')
    trial.remove('b')
    trial.bucket.objects.delete('c')
    expect(await trial.push()).toMatchObject({ state: 'done', deletionsHeld: 0, filesDone: 1 })
    expect(trial.bucket.keys()).toEqual(['c'])
  })

  test('a folder that is filled or removed later leaves nothing behind', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    mkdirSync(trial.path('x'))
    mkdirSync(trial.path('y'))
    await trial.push()
    expect(trial.bucket.keys()).toEqual(['x/', 'y/'])
    trial.remove('y')
    trial.write('x/file', 'x')
    await trial.push()
    expect(trial.bucket.keys()).toEqual(['x/', 'x/file'])
    trial.remove('x')
    await trial.push()
    expect(trial.bucket.keys()).toEqual([])
  })

  test('writes nothing through a symlinked folder', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    const outside = join(trial.root, 'outside')
    mkdirSync(outside)
    symlinkSync(outside, trial.path('link'))
    trial.bucket.write('link/x', 'x')
    expect(await trial.pull()).toMatchObject({ state: 'done', failures: [{ path: 'link/x' }] })
    expect(existsSync(join(outside, 'x'))).toBe(false)
  })
})

describe('paths of other volumes', () => {
  test('are never content, in either direction', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD', reserved: ['mnt/data'] })
    trial.bucket.write('mnt/data/object', 'x')
    trial.write('mnt/data/file', 'x')
    trial.write('own', 'x')
    expect(await trial.pull()).toMatchObject({ state: 'done', failures: [{ path: 'mnt/data/object' }] })
    await trial.push()
    expect(trial.bucket.keys()).toEqual(['mnt/data/object', 'own'])
    expect(trial.tree()).toEqual({ 'mnt/data/file': 'x', own: 'x' })
  })

  test.each([
    ['a file at the place', (trial: Trial) => trial.write('mnt/data', 'x'), 'mnt/data'],
    ['a file above it', (trial: Trial) => trial.write('mnt', 'x'), 'mnt'],
    ['a symlink above it', (trial: Trial) => symlinkSync('/tmp', trial.path('mnt')), 'mnt'],
    ['an object above it', (trial: Trial) => trial.bucket.write('mnt', 'x'), 'mnt'],
  ])('%s fails the pull with its path', async (_, put, path) => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD', reserved: ['mnt/data'] })
    put(trial)
    expect(await trial.pull()).toMatchObject({
      state: 'failed',
      error: { kind: 'data', message: expect.stringContaining(`"${path}" is in the way`) },
    })
  })
})

describe('hostile keys', () => {
  test('are reported, touch nothing outside the volume, and do not hinder the rest', async () => {
    using trial = new Trial()
    const hostile = [
      '../escaped',
      '/absolute',
      'a//b',
      'a/../../escaped',
      'nul\0',
      `${'n'.repeat(300)}`,
      'folder/with/content/',
      '.cahier-aside/x',
    ]
    for (const key of hostile) trial.bucket.write(key, 'hostile')
    for (const key of ['fine', 'both', 'both/below', 'Case', 'case', '...', ' ']) trial.bucket.write(key, key)
    const result = await trial.pull()
    expect(result).toMatchObject({ state: 'done', filesFailed: hostile.length + 1, filesDone: 6 })
    expect(result.filesTotal).toBe(result.filesDone + result.filesFailed)
    expect(result.bytesTotal).toBe(result.bytesDone)
    expect(trial.tree()).toEqual({
      fine: 'fine',
      'both/below': 'both/below',
      Case: 'Case',
      case: 'case',
      '...': '...',
      ' ': ' ',
    })
    expect(existsSync(join(trial.root, 'escaped'))).toBe(false)
    const before = trial.bucket.keys()
    expect(await trial.push({ confirmDeletions: true })).toMatchObject({ state: 'done', filesDeleted: 0 })
    expect(trial.bucket.keys()).toEqual(before)
  })
})

describe('failures', () => {
  test('the store being away ends the target at once and is worth a retry', async () => {
    using trial = new Trial()
    for (let i = 0; i < 100; i++) trial.bucket.write(`f${i}`, 'x')
    trial.bucket.fault = (method) => {
      if (method === 'get') throw new StoreError('unavailable', 'The store is away.')
    }
    expect(await trial.pull()).toMatchObject({
      state: 'failed',
      error: { kind: 'store', message: 'The store is away.' },
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
    expect(await trial.pull()).toMatchObject({ state: 'failed', filesDone: 9, filesFailed: 1, error: { kind: 'data' } })
    trial.bucket.fault = () => undefined
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 1, filesSkipped: 9 })
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

test('whatever both sides do between syncs, no version is lost', async () => {
  const change = fc.record({
    side: fc.constantFrom('here', 'there'),
    path: fc.constantFrom('a', 'b', 'c/d'),
    act: fc.constantFrom('write', 'delete', 'touch'),
  })
  const round = fc.record({
    changes: fc.array(change, { maxLength: 5 }),
    sync: fc.constantFrom('pull', 'push', 'pull push', 'push pull'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(round, { maxLength: 4 }),
      fc.constantFrom('RW' as const, 'RWD' as const),
      async (rounds, permission) => {
        using trial = new Trial({ permission })
        let version = 0
        for (const { changes, sync } of rounds) {
          /** Contents that only the other side may not silently destroy: the newest that each side wrote in this round. */
          const written = new Map<string, string>()
          for (const { side, path, act } of changes) {
            const content = `version ${version++}`
            if (act === 'write') written.set(`${side} ${path}`, content)
            if (act === 'delete') written.delete(`${side} ${path}`)
            apply(trial, side, path, act, content)
          }
          for (const direction of sync.split(' ')) await (direction === 'pull' ? trial.pull() : trial.push())
          const kept = [...Object.values(trial.tree()), ...trial.bucket.keys().map((key) => trial.bucket.text(key))]
          for (const content of written.values()) expect(kept).toContain(content)
        }
        for (const _ of [1, 2]) {
          await trial.push({ confirmDeletions: true })
          await trial.pull()
        }
        const settled = await trial.push({ confirmDeletions: true })
        expect(settled).toMatchObject({ state: 'done', conflicts: [], filesDone: 0 })
      },
    ),
    { numRuns: 60 },
  )
})

function apply(trial: Trial, side: string, path: string, act: string, content: string): void {
  if (side === 'there') {
    if (act === 'write') trial.bucket.write(path, content)
    if (act === 'delete') trial.bucket.objects.delete(path)
  } else if (act === 'write') trial.write(path, content)
  else if (existsSync(trial.path(path))) {
    if (act === 'delete') trial.remove(path)
    else touch(trial.path(path))
  }
}
