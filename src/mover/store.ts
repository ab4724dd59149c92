/**
 * The object store as the mover sees it: one bucket, keys without its name. `s3.ts` speaks to a real one. Every call may
 * throw StoreError; what is worth another try was tried again below this line.
 */
import type { Readable } from 'node:stream'

export interface ListedObject {
  /** Null when the key is not valid UTF-8. */
  key: string | null
  /** The key as the store wrote it, for people. */
  shown: string
  size: number
  etag: string
  modified: Date
}

export interface ObjectHead {
  size: number
  etag: string
  modified: Date
  metadata: Record<string, string>
}

export interface ObjectBody extends ObjectHead {
  /** Ends early, or throws, when the connection breaks: the reader counts. */
  body: Readable
}

/** What must lie at the key for a write to be carried out: nothing, or the object of that ETag. */
export type Expectation = { absent: true } | { etag: string }

export interface Checked {
  bytes: Buffer
  /** Of the bytes, in base64: the store refuses what arrives otherwise. */
  md5: string
}

export interface UploadedPart {
  number: number
  etag: string
}

export interface ObjectStore {
  /** Every object below the prefix in the order of the keys' UTF-8 bytes. */
  list(prefix: string): AsyncIterable<ListedObject>
  /** Null when there is none. */
  head(key: string): Promise<ObjectHead | null>
  /** From byte `from` on; null when there is none. Sizes are the whole object's. */
  get(key: string, from: number): Promise<ObjectBody | null>
  /** The ETag, or null when something else may lie at the key: another version than was expected, or the store did not say. */
  put(key: string, body: Checked, metadata: Record<string, string>, expected: Expectation): Promise<string | null>
  beginParts(key: string, metadata: Record<string, string>): Promise<string>
  putPart(key: string, upload: string, number: number, body: Checked): Promise<string>
  /** As put. */
  endParts(key: string, upload: string, parts: UploadedPart[], expected: Expectation): Promise<string | null>
  /** An upload that is not there (any more) is fine. */
  abortParts(key: string, upload: string): Promise<void>
  /** At most 1 000 keys; answers those that could not be removed. */
  remove(keys: string[]): Promise<{ key: string; message: string }[]>
  createBucket(): Promise<void>
  close(): void
}

/**
 * `bucket-missing` and `refused` are the user's side: no retry helps. `unavailable` is the store's: it did not answer
 * as it should, after retries. The message is one sentence for people and holds no credentials.
 */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: 'bucket-missing' | 'refused' | 'unavailable'
  constructor(kind: StoreError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
