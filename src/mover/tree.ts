/**
 * The only hands on a volume's files. A notebook may be changing them at the same time, with intent: every name is taken
 * from an open handle of its directory (`/proc/self/fd`, Linux's openat for Node), no symlink is ever followed, so no
 * path leads outside the volume. File system calls that only touch metadata are synchronous: they are cheaper so.
 */

import * as fs from 'node:fs'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import type { LocalEntry } from './entry.ts'
import { toUnixTime } from './metadata.ts'
import { ASIDE } from './names.ts'

const OPEN_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** O_NONBLOCK, so that a FIFO that took the file's place does not hold us. */
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CREATE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const NEW_FOLDER_MODE = 0o755
const NEW_FILE_MODE = 0o600
const IDLE_FOLDERS = 64

interface Folder {
  fd: number
  users: number
}

/** A path cannot be reached or taken because of what lies there; the message is for people. */
export class PathBlockedError extends Error {
  override readonly name = 'PathBlockedError'
}

export class Tree {
  readonly #folders = new Map<string, Folder>()
  #asides = 0

  /** Opens the root itself, which the plan names and no user can replace. */
  constructor(root: string) {
    this.#folders.set('', { fd: fs.openSync(root, constants.O_RDONLY | constants.O_DIRECTORY), users: 1 })
  }

  /** Tells this very directory from one made later in its place. */
  identity(): string {
    const { ino, birthtimeNs } = fs.fstatSync((this.#folders.get('') as Folder).fd, { bigint: true })
    return `${ino}-${birthtimeNs}`
  }

  /** The file system: its size, and what a user may still write to it. In bytes. */
  disk(): { size: number; free: number } {
    const { blocks, bavail, bsize } = fs.statfsSync(here((this.#folders.get('') as Folder).fd))
    return { size: blocks * bsize, free: bavail * bsize }
  }

  /** Null when nothing is there. Throws PathBlockedError when a parent is not a directory. */
  stat(path: string): LocalEntry | null {
    try {
      return this.#at(path, false, (place) => describe(path, fs.lstatSync(place, { bigint: true })))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
  }

  /** Opens a regular file to read; other types throw PathBlockedError. */
  async openFile(path: string): Promise<FileHandle> {
    const release = this.#hold(parentOf(path))
    try {
      const handle = await open(this.#place(path), OPEN_FILE)
      if ((await handle.stat()).isFile()) return handle
      await handle.close()
      throw new PathBlockedError('It is not a regular file any more.')
    } finally {
      release()
    }
  }

  /** The target of a symlink, as bytes. */
  readLink(path: string): Buffer {
    return this.#at(path, false, (place) => fs.readlinkSync(place, 'buffer'))
  }

  /** Removes what an interrupted sync wrote aside, and makes an empty place for this one. */
  prepareAside(): void {
    this.discardAside()
    fs.mkdirSync(this.#place(ASIDE), { mode: 0o700 })
    this.#asides = 0
  }

  /** Removes everything written aside. */
  discardAside(): void {
    this.#close(`${ASIDE}/`)
    removeTree((this.#folders.get('') as Folder).fd, Buffer.from(ASIDE))
  }

  /** A new empty file aside, open to write. */
  async createAside(): Promise<{ name: string; handle: FileHandle }> {
    const name = `${ASIDE}/${this.#asides++}`
    const release = this.#hold(`${ASIDE}/`)
    try {
      return { name, handle: await open(this.#place(name), CREATE_FILE, NEW_FILE_MODE) }
    } finally {
      release()
    }
  }

  /** A new symlink aside; its target may be any bytes. */
  linkAside(target: Buffer, mtime: string): string {
    const name = `${ASIDE}/${this.#asides++}`
    const time = toUnixTime(mtime)
    this.#at(name, false, (place) => {
      fs.symlinkSync(target, place)
      fs.lutimesSync(place, time, time)
    })
    return name
  }

  dropAside(name: string): void {
    this.removeFile(name)
  }

  /** Renames what was written aside to its path, making the folders above it, and answers what lies there now. */
  place(name: string, path: string): LocalEntry {
    return this.#at(name, false, (from) =>
      this.#at(path, true, (to) => {
        try {
          fs.renameSync(from, to)
        } catch (error) {
          if (codeOf(error) !== 'EISDIR') throw error
          // An empty folder carries nothing; one with content stays and is in the way.
          this.#close(`${path}/`)
          fs.rmdirSync(to)
          fs.renameSync(from, to)
        }
        return describe(path, fs.lstatSync(to, { bigint: true }))
      }),
    )
  }

  /** Makes a folder with those above it; one that is there gets the mode. The owner always keeps the use of it. */
  makeFolder(path: string, mode: number): LocalEntry {
    const release = this.#hold(path, true)
    try {
      const { fd } = this.#folders.get(path) as Folder
      fs.fchmodSync(fd, mode | 0o700)
      return describe(path, fs.fstatSync(fd, { bigint: true }))
    } finally {
      release()
    }
  }

  /** Removes a file, symlink, socket … Nothing there is fine. */
  removeFile(path: string): void {
    ignoring(['ENOENT', 'ENOTDIR'], () => this.#at(path, false, (place) => fs.unlinkSync(place)))
  }

  /** Removes a folder if it is empty. */
  removeFolder(path: string): boolean {
    this.#close(path)
    return ignoring(['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'], () =>
      this.#at(path.slice(0, -1), false, (place) => fs.rmdirSync(place)),
    )
  }

  /** An open descriptor of a folder, to be closed by the caller. */
  openFolder(parent: number | null, name: string): number {
    const from = parent ?? (this.#folders.get('') as Folder).fd
    return fs.openSync(`${here(from)}/${name}`, OPEN_FOLDER)
  }

  close(): void {
    for (const { fd } of this.#folders.values()) fs.closeSync(fd)
    this.#folders.clear()
  }

  #at<T>(path: string, create: boolean, work: (place: string) => T): T {
    const release = this.#hold(parentOf(path), create)
    try {
      return work(this.#place(path))
    } finally {
      release()
    }
  }

  /** Needs the parent held. */
  #place(path: string): string {
    const parent = parentOf(path)
    return `${here((this.#folders.get(parent) as Folder).fd)}/${path.slice(parent.length)}`
  }

  /** Keeps a folder open until the function it answers is called. */
  #hold(path: string, create = false): () => void {
    const folder = this.#folders.get(path) ?? this.#open(path, create)
    folder.users++
    return () => {
      folder.users--
    }
  }

  #open(path: string, create: boolean): Folder {
    this.#closeIdle()
    const above = parentOf(path.slice(0, -1))
    const release = this.#hold(above, create)
    try {
      const place = `${here((this.#folders.get(above) as Folder).fd)}/${path.slice(above.length, -1)}`
      const folder = { fd: openOrMake(place, create), users: 0 }
      this.#folders.set(path, folder)
      return folder
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP')
        throw new PathBlockedError(`A file or symbolic link lies where the folder "${path}" should be.`)
      throw error
    } finally {
      release()
    }
  }

  #closeIdle(): void {
    if (this.#folders.size <= IDLE_FOLDERS) return
    for (const [path, folder] of this.#folders) if (folder.users === 0) this.#close(path)
  }

  #close(path: string): void {
    const folder = this.#folders.get(path)
    if (!folder || folder.users > 0) return
    this.#folders.delete(path)
    fs.closeSync(folder.fd)
  }
}

/** The path through which Linux reaches what a descriptor has open. */
export function here(fd: number): string {
  return `/proc/self/fd/${fd}`
}

export function describe(path: string, stats: fs.BigIntStats): LocalEntry {
  return {
    path,
    type: typeOf(stats),
    size: stats.isDirectory() ? 0 : Number(stats.size),
    mtime: `${stats.mtimeNs}`,
    ctime: `${stats.ctimeNs}`,
    inode: `${stats.ino}`,
    mode: Number(stats.mode & 0o777n),
    empty: false,
  }
}

function typeOf(stats: fs.BigIntStats): LocalEntry['type'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'symlink' : 'other'
}

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/** 'a/b/' of 'a/b/c'; '' of 'c'. Of a folder's own path ('a/b/') the folder itself. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

function openOrMake(place: string, create: boolean): number {
  try {
    return fs.openSync(place, OPEN_FOLDER)
  } catch (error) {
    if (!create || codeOf(error) !== 'ENOENT') throw error
    fs.mkdirSync(place, { mode: NEW_FOLDER_MODE })
    return fs.openSync(place, OPEN_FOLDER)
  }
}

/** Whether the call went through; the errors named count as no. */
function ignoring(codes: string[], call: () => void): boolean {
  try {
    call()
    return true
  } catch (error) {
    if (error instanceof PathBlockedError || codes.includes(codeOf(error))) return false
    throw error
  }
}

/** Removes whatever lies at a name, folder by folder from open handles. */
function removeTree(parent: number, name: Buffer): void {
  const place = Buffer.concat([Buffer.from(`${here(parent)}/`), name])
  if (unlinked(place)) return
  const fd = fs.openSync(place, OPEN_FOLDER)
  try {
    for (const child of fs.readdirSync(here(fd), { encoding: 'buffer' })) removeTree(fd, child)
  } finally {
    fs.closeSync(fd)
  }
  fs.rmdirSync(place)
}

function unlinked(place: Buffer): boolean {
  try {
    fs.unlinkSync(place)
    return true
  } catch (error) {
    if (codeOf(error) === 'EISDIR' || codeOf(error) === 'EPERM') return false
    if (codeOf(error) === 'ENOENT') return true
    throw error
  }
}
