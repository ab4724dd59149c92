/**
 * Everything that lies in a volume, in the order of the paths' UTF-8 bytes, from open handles of the directories. It holds
 * the names of the directories on the way down, nothing else. What cannot be looked into is said, never passed over:
 * an unseen file must not pass for a deleted one.
 */
import { isUtf8 } from 'node:buffer'
import * as fs from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { LocalEntry } from './entry.ts'
import { ASIDE, isReserved, MAX_KEY_BYTES } from './names.ts'
import { comparePaths } from './order.ts'
import { codeOf, describe, here, type Tree } from './tree.ts'

/** After so many entries the event loop gets its turn: the walk itself is synchronous. */
const ENTRIES_A_TURN = 512

export interface WalkOptions {
  /** Not looked at, with all that lies below. */
  reserved: readonly string[]
  signal: AbortSignal
  /** Names that no object key can carry. */
  onProblem: (path: string, message: string) => void
}

interface Level {
  fd: number
  /** '' or a path that ends in '/'. */
  path: string
  children: Child[]
  next: number
  isEmpty: boolean
}

interface Child {
  name: string
  /** The name as it is ordered: a directory's with a '/'. */
  order: string
  isFolder: boolean
}

export async function* walk(tree: Tree, options: WalkOptions): AsyncGenerator<LocalEntry, void, undefined> {
  const levels: Level[] = [enter(tree, null, '', options)]
  let count = 0
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      if (++count % ENTRIES_A_TURN === 0) {
        await turn()
        options.signal.throwIfAborted()
      }
      const child = level.children[level.next++]
      if (!child) {
        fs.closeSync(level.fd)
        levels.pop()
      } else if (child.isFolder) {
        const entry = lookInto(tree, level, child, levels, options)
        if (entry) yield entry
      } else {
        const entry = look(level, child)
        if (entry) yield entry
      }
    }
  } finally {
    for (const { fd } of levels) fs.closeSync(fd)
  }
}

function look(level: Level, child: Child): LocalEntry | null {
  const path = level.path + child.name
  try {
    return describe(path, fs.lstatSync(`${here(level.fd)}/${child.name}`, { bigint: true }))
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return null
    if (code === 'EACCES' || code === 'EPERM')
      return unseen(path, 'other', 'It cannot be looked at: permission denied.')
    throw error
  }
}

/** Opens a directory and makes it the next level; one that cannot be opened is an entry with a problem. */
function lookInto(tree: Tree, level: Level, child: Child, levels: Level[], options: WalkOptions): LocalEntry | null {
  const path = `${level.path}${child.name}/`
  const blocked = (problem: string) => unseen(path, 'directory', problem)
  if (Buffer.byteLength(path) > MAX_KEY_BYTES)
    return blocked(`The folder's path has more than ${MAX_KEY_BYTES} bytes, which no object key can have.`)
  try {
    const below = enter(tree, level.fd, path, options)
    levels.push(below)
    const entry = describe(path, fs.fstatSync(below.fd, { bigint: true }))
    return { ...entry, empty: below.isEmpty }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return null
    if (code === 'EACCES' || code === 'EPERM') return blocked('The folder cannot be read: permission denied.')
    if (code === 'ENOTDIR' || code === 'ELOOP') return blocked('The folder was replaced while it was being read.')
    throw error
  }
}

function unseen(path: string, type: 'directory' | 'other', problem: string): LocalEntry {
  return { path, type, size: 0, mtime: '0', ctime: '0', inode: '0', mode: 0, empty: false, problem }
}

function enter(tree: Tree, parent: number | null, path: string, options: WalkOptions): Level {
  const name = path.slice(path.lastIndexOf('/', path.length - 2) + 1, -1)
  const fd = tree.openFolder(parent, name)
  try {
    const entries = fs.readdirSync(here(fd), { encoding: 'buffer', withFileTypes: true })
    return { fd, path, children: childrenOf(entries, path, options), next: 0, isEmpty: entries.length === 0 }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function childrenOf(entries: fs.Dirent<Buffer>[], path: string, { reserved, onProblem }: WalkOptions): Child[] {
  const children: Child[] = []
  for (const entry of entries) {
    const name = entry.name.toString()
    if (path === '' && name === ASIDE) continue
    if (!isUtf8(entry.name)) {
      onProblem(path + name, 'The name is not valid UTF-8, so that no object key can carry it.')
      continue
    }
    const isFolder = entry.isDirectory()
    children.push({ name, order: isFolder ? `${name}/` : name, isFolder })
  }
  children.sort((a, b) => comparePaths(a.order, b.order))
  // What lies at a reserved path itself, a folder or not, is none of this volume's content either.
  return children.filter(({ name }) => !isReserved(`${path}${name}/`, reserved))
}
