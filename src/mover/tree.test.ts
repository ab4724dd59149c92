import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PathBlockedError, Tree } from './tree.ts'

let root: string
let outside: string
let tree: Tree

beforeEach(() => {
  const base = mkdtempSync(join(tmpdir(), 'mover-'))
  root = join(base, 'volume')
  outside = join(base, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
  tree = new Tree(root)
})

afterEach(() => {
  tree.close()
  rmSync(join(root, '..'), { recursive: true })
})

async function aside(content: string): Promise<string> {
  tree.prepareAside()
  const { name, handle } = await tree.createAside()
  await handle.writeFile(content)
  await handle.close()
  return name
}

test('no call goes through a symlinked folder', async () => {
  symlinkSync(outside, join(root, 'link'))
  const name = await aside('x')
  expect(() => tree.place(name, 'link/x')).toThrow(PathBlockedError)
  expect(() => tree.stat('link/secret')).toThrow(PathBlockedError)
  await expect(tree.openFile('link/secret')).rejects.toThrow(PathBlockedError)
  expect(() => tree.makeFolder('link/new/', 0o755)).toThrow(PathBlockedError)
  tree.removeFile('link/secret')
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
  expect(existsSync(join(outside, 'x'))).toBe(false)
})

test('a folder that is replaced by a symlink while it is in use leads nowhere else', async () => {
  tree.makeFolder('folder/', 0o755)
  expect(tree.stat('folder/secret')).toBeNull()
  rmSync(join(root, 'folder'), { recursive: true })
  symlinkSync(outside, join(root, 'folder'))
  expect(tree.stat('folder/secret')).toBeNull()
})

test('a symlink is opened by nobody, and replaced rather than written through', async () => {
  symlinkSync(join(outside, 'secret'), join(root, 'file'))
  await expect(tree.openFile('file')).rejects.toMatchObject({ code: 'ELOOP' })
  tree.place(await aside('mine'), 'file')
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('mine')
  expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
})

test('a symlink in the place for writing aside is removed, not followed', async () => {
  symlinkSync(outside, join(root, '.cahier-aside'))
  await aside('x')
  expect(existsSync(join(outside, '0'))).toBe(false)
  tree.discardAside()
  expect(existsSync(join(outside, 'secret'))).toBe(true)
})

test('symlinks carry any bytes as their target', () => {
  tree.prepareAside()
  const target = Buffer.from([0x2f, 0xff, 0xfe])
  tree.place(tree.linkAside(target, '1000000000000000000'), 'link')
  expect(readlinkSync(join(root, 'link'), 'buffer').equals(target)).toBe(true)
  expect(tree.stat('link')).toMatchObject({ type: 'symlink', mtime: expect.stringMatching(/^1000000000/) })
})

test('an empty folder gives way to a file, one with content does not', async () => {
  tree.makeFolder('empty/', 0o755)
  tree.makeFolder('full/inner/', 0o755)
  tree.place(await aside('x'), 'empty')
  expect(readFileSync(join(root, 'empty'), 'utf8')).toBe('x')
  const name = await aside('x')
  expect(() => tree.place(name, 'full')).toThrow(expect.objectContaining({ code: 'ENOTEMPTY' }))
})

test('goes through more folders than it keeps open', async () => {
  for (let i = 0; i < 200; i++) tree.makeFolder(`f${i}/g/`, 0o755)
  for (let i = 0; i < 200; i++) expect(tree.stat(`f${i}/g`)).toMatchObject({ type: 'directory' })
})
