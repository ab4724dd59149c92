/** What a pull does, on real directories and a bucket in memory. */
import { existsSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXIT } from './protocol.ts'
import { Trial } from './trial.ts'

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
      trial.touch('a')
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
    expect(error).toMatchObject({
      kind: 'data',
      diskFull: true,
      message: expect.stringContaining('needs 1073741824.0 MiB in all'),
    })
    expect(trial.bucket.calls.get).toBeUndefined()
    expect(trial.tree()).toEqual({})
  })

  test.each([
    ['a share of the disk', { share: 1, bytes: 0 }],
    ['a number of bytes', { share: 0, bytes: 2 ** 50 }],
  ])('what would leave the disk less than its reserve is refused before a byte moves: %s', async (_, diskReserve) => {
    using trial = new Trial({ diskReserve })
    trial.bucket.write('object', 'x')
    expect((await trial.pull()).error).toMatchObject({ diskFull: true, message: expect.stringContaining('in reserve') })
    expect(trial.bucket.calls.get).toBeUndefined()
  })

  test('a pull that moves no bytes needs no room', async () => {
    using trial = new Trial({ diskReserve: { share: 1, bytes: 0 } })
    trial.bucket.write('empty', '')
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 1 })
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

  test('get their folders from the pull, which an engine would make as root', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD', reserved: ['mnt/data'] })
    expect(await trial.pull()).toMatchObject({ state: 'done', failures: [] })
    expect(trial.tree()).toEqual({ 'mnt/data': '/' })
    await trial.push()
    expect(trial.bucket.keys()).toEqual([])
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
