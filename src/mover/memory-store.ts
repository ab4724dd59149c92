/** A bucket in memory behind the mover's store interface, with ETags as S3 makes them, for tests that need no server. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  type Checked,
  type Expectation,
  type ListedObject,
  type ObjectBody,
  type ObjectHead,
  type ObjectStore,
  StoreError,
  type UploadedPart,
} from './store.ts'

interface Stored {
  bytes: Buffer
  etag: string
  modified: Date
  metadata: Record<string, string>
}

/** A bucket that outlives the stores opened on it. */
export class MemoryBucket {
  exists = true
  readonly objects = new Map<string, Stored>()
  readonly uploads = new Map<string, { key: string; metadata: Record<string, string>; parts: Map<string, Buffer> }>()
  /** Calls so far, by method. */
  readonly calls: Record<string, number> = {}
  /** Throws to make a call fail. */
  fault: (method: keyof ObjectStore, key: string) => void = () => undefined
  /** How many bytes of a body arrive before the connection breaks. */
  deliver: (key: string, from: number) => number = () => Number.POSITIVE_INFINITY
  /** Sizes to list instead of the real ones. */
  readonly listedSizes = new Map<string, number>()
  #ticks = 0

  /** Writes as another client would. */
  write(key: string, content: string | Buffer, metadata: Record<string, string> = {}): void {
    const bytes = Buffer.from(content)
    this.store(key, bytes, md5(bytes).toString('hex'), metadata)
  }

  store(key: string, bytes: Buffer, etag: string, metadata: Record<string, string>): void {
    // Every write at another second, as the clock of a store that is not ours.
    const modified = new Date(Date.UTC(2030, 0, 1) + this.#ticks++ * 1000)
    this.objects.set(key, { bytes, etag, modified, metadata })
  }

  text(key: string): string | null {
    return this.objects.get(key)?.bytes.toString() ?? null
  }

  keys(): string[] {
    return [...this.objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
}

export class MemoryStore implements ObjectStore {
  readonly #bucket: MemoryBucket
  readonly #signal: AbortSignal

  constructor(bucket: MemoryBucket, signal: AbortSignal) {
    this.#bucket = bucket
    this.#signal = signal
  }

  async *list(prefix: string): AsyncGenerator<ListedObject, void, undefined> {
    this.#enter('list', prefix)
    for (const key of this.#bucket.keys()) {
      const object = this.#bucket.objects.get(key)
      if (!object || !key.startsWith(prefix)) continue
      const { bytes, etag, modified } = object
      yield { key, shown: key, size: this.#bucket.listedSizes.get(key) ?? bytes.length, etag, modified }
    }
  }

  async head(key: string): Promise<ObjectHead | null> {
    this.#enter('head', key)
    const object = this.#bucket.objects.get(key)
    return object ? { ...object, size: object.bytes.length } : null
  }

  async get(key: string, from: number): Promise<ObjectBody | null> {
    this.#enter('get', key)
    const object = this.#bucket.objects.get(key)
    if (!object) return null
    const { length } = object.bytes
    const end = Math.min(length, from + this.#bucket.deliver(key, from))
    const body = Readable.from(bodyOf(object.bytes.subarray(from, end), end < length), { objectMode: false })
    return { ...object, size: length, body }
  }

  async put(
    key: string,
    body: Checked,
    metadata: Record<string, string>,
    expected: Expectation,
  ): Promise<string | null> {
    this.#enter('put', key)
    check(body)
    if (!this.#meets(key, expected)) return null
    const bytes = Buffer.from(body.bytes)
    const etag = md5(bytes).toString('hex')
    this.#bucket.store(key, bytes, etag, metadata)
    return etag
  }

  async beginParts(key: string, metadata: Record<string, string>): Promise<string> {
    this.#enter('beginParts', key)
    const id = `upload-${this.#bucket.uploads.size}`
    this.#bucket.uploads.set(id, { key, metadata, parts: new Map() })
    return id
  }

  async putPart(key: string, upload: string, number: number, body: Checked): Promise<string> {
    this.#enter('putPart', key)
    check(body)
    const etag = `${number}:${md5(body.bytes).toString('hex')}`
    this.#upload(upload).parts.set(etag, Buffer.from(body.bytes))
    return etag
  }

  async endParts(key: string, upload: string, parts: UploadedPart[], expected: Expectation): Promise<string | null> {
    this.#enter('endParts', key)
    const begun = this.#upload(upload)
    if (!this.#meets(key, expected)) return null
    const bodies = parts.map(({ etag }) => begun.parts.get(etag) ?? Buffer.alloc(0))
    const etag = `${md5(Buffer.concat(bodies.map(md5))).toString('hex')}-${parts.length}`
    this.#bucket.store(key, Buffer.concat(bodies), etag, begun.metadata)
    this.#bucket.uploads.delete(upload)
    return etag
  }

  async abortParts(key: string, upload: string): Promise<void> {
    this.#enter('abortParts', key)
    this.#bucket.uploads.delete(upload)
  }

  async remove(keys: string[]): Promise<{ key: string; message: string }[]> {
    this.#enter('remove', keys[0] ?? '')
    for (const key of keys) this.#bucket.objects.delete(key)
    return []
  }

  async createBucket(): Promise<void> {
    this.#bucket.exists = true
  }

  close(): void {
    // Nothing is open.
  }

  #enter(method: keyof ObjectStore, key: string): void {
    this.#signal.throwIfAborted()
    this.#bucket.calls[method] = (this.#bucket.calls[method] ?? 0) + 1
    if (!this.#bucket.exists) throw new StoreError('bucket-missing', 'There is no bucket.')
    this.#bucket.fault(method, key)
  }

  #upload(id: string) {
    const upload = this.#bucket.uploads.get(id)
    if (!upload) throw new StoreError('refused', 'There is no such upload.')
    return upload
  }

  #meets(key: string, expected: Expectation): boolean {
    const etag = this.#bucket.objects.get(key)?.etag
    return 'etag' in expected ? etag === expected.etag : etag === undefined
  }
}

async function* bodyOf(bytes: Buffer, breaks: boolean): AsyncGenerator<Buffer, void, undefined> {
  yield bytes
  if (breaks) throw new Error('The connection was reset.')
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest()
}

function check({ bytes, md5: said }: Checked): void {
  if (md5(bytes).toString('base64') !== said) throw new Error('The MD5 is not that of the bytes.')
}
