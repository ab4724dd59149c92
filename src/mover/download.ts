/**
 * One object into the volume: written aside, stamped, renamed into place. A body that breaks off is taken up where it
 * ended, as long as the object is still the same.
 */
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { EntryType, LocalEntry, RemoteObject } from './entry.ts'
import { fromMetadata, toUnixTime } from './metadata.ts'
import { retry, STORE_RETRIES } from './retry.ts'
import { type ObjectBody, StoreError } from './store.ts'
import { isMirror, type Sync } from './sync.ts'
import { PathBlockedError } from './tree.ts'

/** Linux's limit for a symlink's target, in bytes. */
const MAX_LINK_TARGET = 4095

/** Tries at an object that changes while it is being read. */
const READINGS = 3

export interface Fetched {
  /** Name of what was written aside. */
  aside: string
  type: EntryType
  /** Of the version that was read, which may be newer than the listed one. */
  etag: string
  modified: string | null
}

/** Fetches an object aside, in the version it has now; null when it is not there any more. */
export async function fetchAside(sync: Sync, remote: RemoteObject): Promise<Fetched | null> {
  let planned = remote.size
  for (let reading = 1; ; reading++) {
    const object = await sync.store.get(sync.target.source.prefix + remote.path, 0)
    sync.progress.resize((object?.size ?? 0) - planned)
    if (!object) return null
    planned = object.size
    try {
      return await writeAside(sync, remote, object)
    } catch (error) {
      object.body.destroy()
      if (!(error instanceof ChangedObjectError)) throw error
      if (reading === READINGS) throw new StoreError('unavailable', error.message, { cause: error })
    }
  }
}

async function writeAside(sync: Sync, remote: RemoteObject, object: ObjectBody): Promise<Fetched> {
  const { tree, target, progress } = sync
  const stamp = fromMetadata(remote.path, object.metadata, object.modified)
  // A listing tells the time more exactly than the answer to a GET: the two cannot be compared.
  const version = { etag: object.etag, modified: object.etag === remote.etag ? remote.modified : null }
  if (stamp.type === 'symlink' && target.kind === 'workspace') {
    const aside = tree.linkAside(await readTarget(object), stamp.mtime)
    progress.add('bytesDone', object.size)
    return { aside, type: 'symlink', ...version }
  }
  const { name, handle } = await tree.createAside()
  try {
    await writeBody(sync, remote.path, object, handle)
    await handle.chmod(stamp.mode)
    const time = toUnixTime(stamp.mtime)
    await handle.utimes(time, time)
    // After a power cut a file that came up short would pass for one changed here, and be pushed. A mirror never is.
    if (!isMirror(target)) await handle.datasync()
  } catch (error) {
    tree.dropAside(name)
    throw error
  } finally {
    await handle.close()
  }
  return { aside: name, type: 'file', ...version }
}

/** Puts what was fetched at a path, and says what lies there now. */
export function settle(sync: Sync, fetched: Fetched, path: string): LocalEntry {
  try {
    return sync.tree.place(fetched.aside, path)
  } catch (error) {
    sync.tree.dropAside(fetched.aside)
    throw error
  }
}

async function writeBody(sync: Sync, path: string, object: ObjectBody, file: FileHandle): Promise<void> {
  let written = 0
  let answer: ObjectBody | null = object
  const write = async () => {
    const current = answer ?? (await sync.store.get(sync.target.source.prefix + path, written))
    answer = null
    if (current?.etag !== object.etag) {
      current?.body.destroy()
      throw new ChangedObjectError('The object kept changing while it was being read.')
    }
    for await (const chunk of unbroken(current.body)) {
      await writeWhole(file, chunk, written)
      written += chunk.length
      sync.progress.add('bytesDone', chunk.length)
    }
    if (written !== object.size) throw new BrokenBodyError(null)
  }
  try {
    await retry(STORE_RETRIES, sync.signal, (error) => error instanceof BrokenBodyError, write)
  } catch (error) {
    sync.progress.add('bytesDone', -written)
    if (!(error instanceof BrokenBodyError)) throw error
    const message = `The store broke off the object after ${written} of ${object.size} bytes, again and again.`
    throw new StoreError('unavailable', message, { cause: error })
  }
}

/** A file system that is almost full takes a part without an error. */
async function writeWhole(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}

class ChangedObjectError extends Error {
  override readonly name = 'ChangedObjectError'
}

class BrokenBodyError extends Error {
  override readonly name = 'BrokenBodyError'
  constructor(cause: unknown) {
    super('The body ended early.', { cause })
  }
}

/** The body's chunks; the connection's errors become BrokenBodyError, apart from those of our own file. */
async function* unbroken(body: Readable): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* body
  } catch (error) {
    throw new BrokenBodyError(error)
  }
}

async function readTarget(object: ObjectBody): Promise<Buffer> {
  if (object.size === 0 || object.size > MAX_LINK_TARGET) {
    object.body.destroy()
    throw new PathBlockedError('The object is marked as a symbolic link, but what it holds can be no target.')
  }
  const chunks: Buffer[] = []
  for await (const chunk of object.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
