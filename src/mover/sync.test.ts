import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { dirname } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Trial } from './trial.ts'

const MIB = 1024 * 1024

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
      { numRuns: 20 },
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

test('whatever both sides do between syncs, no version is lost', async () => {
  const change = fc.record({
    side: fc.constantFrom('here', 'there'),
    path: fc.constantFrom('a', 'b', 'c/d'),
    act: fc.constantFrom('write', 'delete', 'touch', 'rename', 'copy'),
    onto: fc.constantFrom('a', 'b', 'c/d'),
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
          for (const { side, path, act, onto } of changes) {
            const content = `version ${String(version++).padStart(2, '0')}`
            if (act === 'write') written.set(`${side} ${path}`, content)
            if (act === 'delete') written.delete(`${side} ${path}`)
            if (side === 'here' && (act === 'rename' || act === 'copy')) {
              const moved = move(trial, path, onto, act)
              if (moved !== null && act === 'rename') written.delete(`here ${path}`)
              if (moved !== null) written.set(`here ${onto}`, moved)
            } else apply(trial, side, path, act, content)
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
        const stored = trial.bucket.keys().map((key) => [key, trial.bucket.text(key)])
        const files = Object.entries(trial.tree()).filter(([, content]) => content !== '/')
        expect(files).toEqual(stored)
      },
    ),
    { numRuns: 30 },
  )
})

function apply(trial: Trial, side: string, path: string, act: string, content: string): void {
  if (side === 'there') {
    // All of one size and time, so that only their bytes tell the versions apart.
    if (act === 'write') trial.bucket.write(path, content, { mtime: '1000000000' })
    if (act === 'delete') trial.bucket.objects.delete(path)
  } else if (act === 'write') trial.write(path, content)
  else if (existsSync(trial.path(path))) {
    if (act === 'delete') trial.remove(path)
    else trial.touch(path)
  }
}

/** As `mv` and `cp -p` do it: the mtime stays. Answers the content that lies at the new path, null when there was none to move. */
function move(trial: Trial, from: string, to: string, act: 'rename' | 'copy'): string | null {
  if (from === to || !existsSync(trial.path(from))) return null
  mkdirSync(dirname(trial.path(to)), { recursive: true })
  if (act === 'rename') renameSync(trial.path(from), trial.path(to))
  else {
    const { atime, mtime } = statSync(trial.path(from))
    copyFileSync(trial.path(from), trial.path(to))
    utimesSync(trial.path(to), atime, mtime)
  }
  return trial.text(to)
}
