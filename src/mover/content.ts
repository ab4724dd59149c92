/** Whether a file here has the bytes of an object. Asked only where both sides changed: everything else goes by the record. */

import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { etagOf } from './digest.ts'
import type { LocalEntry, RemoteObject } from './entry.ts'
import type { ObjectStore } from './store.ts'
import { codeOf, PathBlockedError, type Tree } from './tree.ts'

export class Content {
  readonly #tree: Tree
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #signal: AbortSignal

  constructor(tree: Tree, store: ObjectStore, prefix: string, signal: AbortSignal) {
    this.#tree = tree
    this.#store = store
    this.#prefix = prefix
    this.#signal = signal
  }

  /** By the ETag alone: false when it cannot be told. */
  async hasEtag(local: LocalEntry, etag: string): Promise<boolean> {
    if (local.type === 'symlink')
      return createHash('md5').update(this.#tree.readLink(local.path)).digest('hex') === etag
    if (local.type !== 'file') return false
    return this.#reading(local.path, async (file) => (await etagOf(file, local.size, etag, this.#signal)) === etag)
  }

  /** By the ETag, or byte by byte where the store's ETags tell nothing. */
  async equals(local: LocalEntry, remote: RemoteObject): Promise<boolean> {
    if (local.size !== remote.size) return false
    if (await this.hasEtag(local, remote.etag)) return true
    if (local.type !== 'file') return false
    const object = await this.#store.get(this.#prefix + remote.path, 0)
    if (!object) return false
    try {
      return await this.#reading(local.path, (file) => sameBytes(file, object.body, local.size))
    } finally {
      object.body.destroy()
    }
  }

  /** A file that is gone or cannot be read is like no object: whoever acts on that meets the reason again. */
  async #reading(path: string, work: (file: FileHandle) => Promise<boolean>): Promise<boolean> {
    let file: FileHandle
    try {
      file = await this.#tree.openFile(path)
    } catch (error) {
      if (error instanceof PathBlockedError || ['ENOENT', 'EACCES', 'ELOOP'].includes(codeOf(error))) return false
      throw error
    }
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
}

async function sameBytes(file: FileHandle, body: AsyncIterable<Buffer>, size: number): Promise<boolean> {
  let at = 0
  for await (const theirs of body) {
    const ours = Buffer.allocUnsafe(theirs.length)
    const { bytesRead } = await file.read(ours, 0, ours.length, at)
    if (!theirs.equals(ours.subarray(0, bytesRead))) return false
    at += bytesRead
  }
  return at === size
}
