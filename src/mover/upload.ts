/**
 * One file into the bucket. Every body goes with the MD5 of the bytes that were read, and counts only if the file was the
 * same after reading as before; one that keeps changing is a failure, not a mixture.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { PART_BYTES, partSize } from './digest.ts'
import type { LocalEntry } from './entry.ts'
import { toMetadata } from './metadata.ts'
import type { Checked, Expectation, ObjectStore, UploadedPart } from './store.ts'
import type { Sync } from './sync.ts'
import { describe, PathBlockedError } from './tree.ts'

/** Tries at a file that changes while it is being read. */
const READINGS = 3

export interface Uploaded {
  /** The file as it was read. */
  local: LocalEntry
  etag: string
}

/** Null when what lies at the key is not what was expected. The sizes planned are those of `seen`. */
export async function upload(
  sync: Sync,
  seen: LocalEntry,
  key: string,
  expected: Expectation,
): Promise<Uploaded | null> {
  if (seen.type === 'directory') return uploadBytes(sync, seen, Buffer.alloc(0), key, expected)
  if (seen.type === 'symlink') return uploadBytes(sync, seen, sync.tree.readLink(seen.path), key, expected)
  const file = await sync.tree.openFile(seen.path)
  try {
    let planned = seen.size
    for (let reading = 1; reading <= READINGS; reading++) {
      const before = fs.fstatSync(file.fd, { bigint: true })
      const local = describe(seen.path, before)
      sync.progress.resize(local.size - planned)
      planned = local.size
      const isSteady = () => isUnchanged(before, fs.fstatSync(file.fd, { bigint: true }))
      const result = await (local.size > PART_BYTES ? uploadParts : uploadWhole)(
        sync,
        file,
        local,
        key,
        expected,
        isSteady,
      )
      if (result !== 'changed') return result
    }
    throw new PathBlockedError('It kept changing while it was being read.')
  } finally {
    await file.close()
  }
}

type Result = Uploaded | 'changed' | null

async function uploadWhole(
  sync: Sync,
  file: FileHandle,
  local: LocalEntry,
  key: string,
  expected: Expectation,
  isSteady: () => boolean,
): Promise<Result> {
  const { bytes, release } = await sync.memory.claim(local.size)
  try {
    const body = await read(file, 0, bytes)
    if (!body || !isSteady()) return 'changed'
    return await uploadBytes(sync, local, body.bytes, key, expected, body.md5)
  } finally {
    release()
  }
}

async function uploadBytes(
  sync: Sync,
  local: LocalEntry,
  bytes: Buffer,
  key: string,
  expected: Expectation,
  md5 = digest(bytes),
): Promise<Uploaded | null> {
  const etag = await sync.store.put(key, { bytes, md5 }, metadataOf(local), expected)
  if (etag === null) return null
  sync.progress.add('bytesDone', bytes.length)
  return { local, etag }
}

async function uploadParts(
  sync: Sync,
  file: FileHandle,
  local: LocalEntry,
  key: string,
  expected: Expectation,
  isSteady: () => boolean,
): Promise<Result> {
  const { store, progress } = sync
  const step = partSize(local.size)
  const id = await store.beginParts(key, metadataOf(local))
  // What is not completed is given up at the end of the push, or by the next one.
  await sync.journal.began(key, id)
  let sent = 0
  try {
    const parts = await sendParts()
    if (!parts || !isSteady()) {
      progress.add('bytesDone', -sent)
      return 'changed'
    }
    // Not every store that has conditions minds them when parts are put together.
    const etag = (await isMet(store, key, expected)) ? await store.endParts(key, id, parts, expected) : null
    if (etag !== null) return { local, etag }
    progress.add('bytesDone', -sent)
    return null
  } catch (error) {
    progress.add('bytesDone', -sent)
    throw error
  }

  /** Null when the file ended early. */
  async function sendParts(): Promise<UploadedPart[] | null> {
    const parts: UploadedPart[] = []
    const underWay = new Set<Promise<void>>()
    let isShort = false
    let failure: unknown = null
    for (let from = 0, number = 1; from < local.size && !isShort && failure === null; from += step, number++) {
      const length = Math.min(step, local.size - from)
      const { bytes, release } = await sync.memory.claim(length)
      const part = send(number, from, bytes).catch((error: unknown) => {
        failure ??= error
      })
      const settled = part.finally(() => {
        release()
        underWay.delete(settled)
      })
      underWay.add(settled)
    }
    await Promise.all(underWay)
    if (failure !== null) throw failure
    return isShort ? null : parts.sort((a, b) => a.number - b.number)

    async function send(number: number, from: number, bytes: Buffer): Promise<void> {
      const body = await read(file, from, bytes)
      if (!body) {
        isShort = true
        return
      }
      parts.push({ number, etag: await store.putPart(key, id, number, body) })
      sent += bytes.length
      progress.add('bytesDone', bytes.length)
    }
  }
}

async function isMet(store: ObjectStore, key: string, expected: Expectation): Promise<boolean> {
  const found = await store.head(key)
  return 'etag' in expected ? found?.etag === expected.etag : found === null
}

/** Fills the bytes from the file; null when it ends before. */
async function read(file: FileHandle, from: number, bytes: Buffer): Promise<Checked | null> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, from + at)
    if (bytesRead === 0) return null
    at += bytesRead
  }
  return { bytes, md5: digest(bytes) }
}

function digest(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('base64')
}

function metadataOf({ type, mode, mtime }: LocalEntry): Record<string, string> {
  return toMetadata({ type: type === 'other' ? 'file' : type, mode, mtime })
}

function isUnchanged(before: fs.BigIntStats, after: fs.BigIntStats): boolean {
  // An mtime can be set back; ctime cannot.
  return before.size === after.size && before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs
}
