/** Files that size and mtime do not tell apart: moved, copied, swapped, linked to. Only their bytes say what is whose. */
import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Content } from './content.ts'
import { Trial } from './trial.ts'

const SAME_TIME = { mtime: '1000000000' }

afterEach(() => {
  vi.restoreAllMocks()
})

async function synced(permission: 'RO' | 'RW' | 'RWD'): Promise<Trial> {
  const trial = new Trial({ permission })
  trial.bucket.write('a', 'AAAA', SAME_TIME)
  trial.bucket.write('b', 'BBBB', SAME_TIME)
  trial.bucket.write('c', 'CCCC', SAME_TIME)
  await trial.pull()
  return trial
}

function contents(trial: Trial): Record<string, string | null> {
  return Object.fromEntries(trial.bucket.keys().map((key) => [key, trial.bucket.text(key)]))
}

/** With its mtime to the nanosecond, which Node cannot set. */
function copy(trial: Trial, from: string, to: string): void {
  execFileSync('cp', ['-p', trial.path(from), trial.path(to)])
}

describe('a push', () => {
  test('RWD: carries a file that was renamed over another before its old name is deleted', async () => {
    using trial = await synced('RWD')
    renameSync(trial.path('a'), trial.path('b'))
    expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 1, filesDeleted: 1 })
    expect(contents(trial)).toEqual({ b: 'AAAA', c: 'CCCC' })
  })

  test.each(['RW', 'RWD'] as const)(
    '%s: carries files that were swapped, and copies that kept the mtime',
    async (permission) => {
      using trial = await synced(permission)
      renameSync(trial.path('a'), trial.path('swap'))
      renameSync(trial.path('b'), trial.path('a'))
      renameSync(trial.path('swap'), trial.path('b'))
      copy(trial, 'a', 'c')
      expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 3 })
      expect(contents(trial)).toEqual({ a: 'BBBB', b: 'AAAA', c: 'BBBB' })
    },
  )

  test('carries files whose folder took the place of another', async () => {
    using trial = new Trial()
    trial.bucket.write('one/f', 'AAAA', SAME_TIME)
    trial.bucket.write('two/f', 'BBBB', SAME_TIME)
    await trial.pull()
    trial.remove('one')
    renameSync(trial.path('two'), trial.path('one'))
    expect(await trial.push()).toMatchObject({ state: 'done', filesDone: 1 })
    expect(trial.bucket.text('one/f')).toBe('BBBB')
  })

  test('reads a file that was replaced by its like once, moves nothing, and knows it from then on', async () => {
    using trial = await synced('RW')
    copy(trial, 'a', 'new')
    renameSync(trial.path('new'), trial.path('a'))
    linkSync(trial.path('b'), join(trial.root, 'elsewhere'))
    const asked = vi.spyOn(Content.prototype, 'hasEtag')
    expect(await trial.push()).toMatchObject({ filesDone: 0, filesSkipped: 3 })
    expect(asked).toHaveBeenCalledTimes(2)
    expect(await trial.push()).toMatchObject({ filesDone: 0, filesSkipped: 3 })
    expect(asked).toHaveBeenCalledTimes(2)
  })

  test('takes a record without inode and ctime for none of a file that can be told without its bytes', async () => {
    using trial = await synced('RW')
    const file = join(trial.sideDir, 'manifest.jsonl')
    const lines = readFileSync(file, 'utf8').replaceAll(/,"(ctime|inode)":"\d+"/g, '')
    writeFileSync(file, lines)
    renameSync(trial.path('a'), trial.path('b'))
    expect(await trial.push()).toMatchObject({ filesDone: 1 })
    expect(contents(trial)).toEqual({ a: 'AAAA', b: 'AAAA', c: 'CCCC' })
    // The one that is no more here has nothing to be known by.
    expect(readFileSync(file, 'utf8').match(/"ctime"/g)).toHaveLength(2)
  })
})

test('a tree that nobody touched is known without reading a file, after a pull as after a push', async () => {
  using here = new Trial()
  for (let i = 0; i < 50; i++) here.write(`folder/f${i}`, 'same')
  await here.push()
  using there = new Trial({}, here.bucket)
  await there.pull()
  const asked = vi.spyOn(Content.prototype, 'hasEtag')
  for (const trial of [here, there])
    for (const result of [await trial.push(), await trial.pull()])
      expect(result).toMatchObject({ filesDone: 0, filesSkipped: 50 })
  expect(asked).not.toHaveBeenCalled()
})

describe('a pull', () => {
  test.each(['RW', 'RWD'] as const)('%s: replaces no file that was renamed to the path', async (permission) => {
    using trial = await synced(permission)
    renameSync(trial.path('a'), trial.path('b'))
    trial.bucket.write('b', 'b, changed there')
    expect(await trial.pull()).toMatchObject({ state: 'done', conflicts: [{ path: 'b' }] })
    expect(trial.text('b')).toBe('AAAA')
  })

  test.each(['RW', 'RWD'] as const)('%s: removes no file that was renamed to the path', async (permission) => {
    using trial = await synced(permission)
    renameSync(trial.path('a'), trial.path('b'))
    trial.bucket.objects.delete('b')
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDeleted: 0 })
    expect(trial.text('b')).toBe('AAAA')
  })

  test('replaces no file that is renamed to the path while the new version is fetched', async () => {
    using trial = await synced('RW')
    trial.bucket.write('b', 'b, changed there')
    trial.bucket.deliver = () => {
      renameSync(trial.path('a'), trial.path('b'))
      return 1000
    }
    expect(await trial.pull()).toMatchObject({ state: 'done', conflicts: [{ path: 'b' }] })
    expect(trial.text('b')).toBe('AAAA')
  })

  test('RO: restores files that were swapped', async () => {
    using trial = await synced('RO')
    renameSync(trial.path('a'), trial.path('b'))
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 2 })
    expect(trial.tree()).toEqual({ a: 'AAAA', b: 'BBBB', c: 'CCCC' })
  })

  test('takes two names of one file for unchanged while it replaces or removes them one by one', async () => {
    using trial = await synced('RW')
    for (const [name, other] of [
      ['a', 'a2'],
      ['b', 'b2'],
    ] as const)
      linkSync(trial.path(name), trial.path(other))
    await trial.push()
    for (const name of ['a', 'a2']) trial.bucket.write(name, 'changed there')
    for (const name of ['b', 'b2']) trial.bucket.objects.delete(name)
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 2, filesDeleted: 2, conflicts: [] })
    expect(trial.tree()).toEqual({ a: 'changed there', a2: 'changed there', c: 'CCCC' })
  })

  test('replaces a file that only got another mode', async () => {
    using trial = await synced('RW')
    chmodSync(trial.path('a'), 0o600)
    trial.bucket.write('a', 'changed there')
    expect(await trial.pull()).toMatchObject({ state: 'done', filesDone: 1, conflicts: [] })
    expect(trial.text('a')).toBe('changed there')
  })
})
