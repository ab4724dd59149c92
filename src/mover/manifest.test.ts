import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ManifestEntry } from './entry.ts'
import { Manifest } from './manifest.ts'

const source = {
  type: 'bucket' as const,
  endpoint: 'https://store.example',
  region: 'r',
  accessKeyId: 'a',
  secretAccessKey: 's',
  pathStyle: true,
  bucket: 'bucket',
  prefix: '',
}
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mover-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function entry(path: string, etag: string): ManifestEntry {
  return { path, type: 'file', size: 1, mtime: '1', mode: 0o644, etag, modified: null }
}

async function publish(manifest: Manifest, entries: ManifestEntry[]): Promise<void> {
  const draft = await manifest.draft()
  for (const one of entries) await draft.write(one)
  await manifest.publish(draft)
}

async function read(manifest: Manifest): Promise<string[]> {
  return (await Array.fromAsync(manifest.read())).map(({ path, etag }) => `${path} ${etag}`)
}

test('what an interrupted sync recorded holds as far as it goes; from there on the manifest is as before', async () => {
  const manifest = new Manifest(folder, 'root', source)
  await publish(
    manifest,
    ['a', 'b', 'c', 'd'].map((path) => entry(path, 'old')),
  )
  const draft = await manifest.draft()
  // "b" is gone, "bb" is new.
  for (const path of ['a', 'bb', 'c']) await draft.write(entry(path, 'new'))
  await draft.close()
  appendFileSync(join(folder, 'manifest.part'), '{"path":"d","ty')
  await manifest.recover()
  expect(await read(manifest)).toEqual(['a new', 'bb new', 'c new', 'd old'])
  expect(existsSync(join(folder, 'manifest.part'))).toBe(false)
})

test('an interrupted sync that recorded nothing changes nothing', async () => {
  const manifest = new Manifest(folder, 'root', source)
  await publish(manifest, [entry('a', 'old')])
  await (await manifest.draft()).close()
  await manifest.recover()
  expect(await read(manifest)).toEqual(['a old'])
})

test('a manifest of another local copy or of another place in a bucket counts as empty', async () => {
  await publish(new Manifest(folder, 'root', source), [entry('a', 'old')])
  expect(await read(new Manifest(folder, 'other root', source))).toEqual([])
  expect(await read(new Manifest(folder, 'root', { ...source, prefix: 'p/' }))).toEqual([])
  expect(await read(new Manifest(folder, 'root', { ...source, secretAccessKey: 'rotated' }))).toEqual(['a old'])
})

test('lines longer than what is read at once, and names with line breaks, come back whole', async () => {
  const manifest = new Manifest(folder, 'root', source)
  const paths = Array.from({ length: 300 }, (_, i) => `${String(i).padStart(4, '0')}\n${'é'.repeat(700)}`)
  await publish(
    manifest,
    paths.map((path) => entry(path, 'e')),
  )
  expect(await read(manifest)).toEqual(paths.map((path) => `${path} e`))
})
