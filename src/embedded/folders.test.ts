import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clearRunFolder, makeFolders, runFolder } from './folders.ts'

/** Longest path of a socket on Linux, in bytes. */
const SOCKET_PATH_LIMIT = 107

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cahier-folders-'))
})

afterEach(() => rmSync(home, { recursive: true }))

test('sockets have short paths, however long the path of the home', () => {
  const socket = join(runFolder(`/home/${'somebody/'.repeat(100)}cahier`), 'postgres/.s.PGSQL.5432')
  expect(Buffer.byteLength(socket)).toBeLessThan(SOCKET_PATH_LIMIT)
})

test('two homes never share a run folder', () => {
  expect(runFolder('/srv/a')).not.toBe(runFolder('/srv/b'))
})

test('the run folder goes with the last part that used it', async () => {
  await makeFolders(home)
  const folder = runFolder(home)
  expect(statSync(folder).mode & 0o777).toBe(0o711)
  for (const part of ['one', 'two']) writeFileSync(join(folder, part), '')
  await clearRunFolder(home, ['one'])
  expect(existsSync(folder)).toBe(true)
  await clearRunFolder(home, ['two', 'three'])
  expect(existsSync(folder)).toBe(false)
})

test('a run folder that somebody else made is refused', async () => {
  symlinkSync(tmpdir(), runFolder(home))
  await expect(makeFolders(home)).rejects.toThrow(/belongs to somebody else/)
  rmSync(runFolder(home))
})
