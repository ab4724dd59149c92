/** What each permission does to added, modified and deleted files, against a real S3 server. */
import { rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { treeOf } from '../../src/mover/trial.ts'
import { LocalCopy } from './mover.ts'
import { Bucket } from './s3.ts'

async function changed(permission: 'RO' | 'RW' | 'RWD', kind: 'volume' | 'workspace' = 'volume') {
  const bucket = await Bucket.create()
  for (const key of ['kept', 'modified', 'deleted', 'folder/kept']) await bucket.put(key, 'old')
  const copy = new LocalCopy({ bucket: bucket.name, permission, kind })
  await copy.pull()
  writeFileSync(copy.path('added'), 'new')
  writeFileSync(copy.path('modified'), 'new')
  rmSync(copy.path('deleted'))
  return { bucket, copy }
}

async function contents(bucket: Bucket): Promise<Record<string, string>> {
  const keys = await bucket.keys()
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await bucket.text(key)])))
}

const before = { kept: 'old', modified: 'old', deleted: 'old', 'folder/kept': 'old' }

test('RO is never pushed, and a pull mirrors the bucket again', async () => {
  const { bucket, copy } = await changed('RO')
  using _ = copy
  expect(await copy.push()).toMatchObject({ code: 0, result: { state: 'done', filesTotal: 0 } })
  expect(await contents(bucket)).toEqual(before)
  await copy.pull()
  expect(treeOf(copy.dataDir)).toEqual(before)
})

test('RW uploads what is new or modified; what was deleted stays in the bucket and comes back at the next pull', async () => {
  const { bucket, copy } = await changed('RW')
  using _ = copy
  expect(await copy.push()).toMatchObject({ code: 0, result: { filesDone: 2, filesDeleted: 0 } })
  const after = { ...before, added: 'new', modified: 'new' }
  expect(await contents(bucket)).toEqual(after)
  await copy.pull()
  expect(treeOf(copy.dataDir)).toEqual(after)
})

test.each(['volume', 'workspace'] as const)('RWD of a %s also carries out deletions in the bucket', async (kind) => {
  const { bucket, copy } = await changed('RWD', kind)
  using _ = copy
  expect(await copy.push()).toMatchObject({ code: 0, result: { filesDone: 2, filesDeleted: 1 } })
  const after = { added: 'new', modified: 'new', kept: 'old', 'folder/kept': 'old' }
  expect(await contents(bucket)).toEqual(after)
  await copy.pull()
  expect(treeOf(copy.dataDir)).toEqual(after)
})

test('what changed on both sides is never overwritten, in either direction', async () => {
  const { bucket, copy } = await changed('RW')
  using _ = copy
  await bucket.put('modified', 'theirs')
  const { result } = await copy.push()
  expect(result?.conflicts).toEqual([{ path: 'modified', keptAs: expect.stringMatching(/^modified\.conflict-heron-/) }])
  expect(await bucket.text('modified')).toBe('theirs')
  expect(await bucket.text(result?.conflicts[0]?.keptAs ?? '')).toBe('new')
  const pulled = await copy.pull()
  const beside = pulled.result?.conflicts[0]?.keptAs ?? ''
  expect(treeOf(copy.dataDir)).toMatchObject({ modified: 'new', [beside]: 'theirs' })
})

test('RWD holds deletions of more than half of the objects', async () => {
  const { bucket, copy } = await changed('RWD')
  using _ = copy
  rmSync(copy.path('kept'))
  rmSync(copy.path('folder'), { recursive: true })
  expect(await copy.push()).toMatchObject({ code: 0, result: { deletionsHeld: 3, filesDeleted: 0, filesDone: 2 } })
  expect(await bucket.keys()).toEqual(['added', 'deleted', 'folder/kept', 'kept', 'modified'])
})
