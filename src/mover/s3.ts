/**
 * The object store over S3: the only file that knows the SDK. Keys go in as they are, bodies have a known length and an
 * MD5, no redirect is followed, and every connection passes the address guard.
 */
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { AddressGuard } from './address.ts'
import type { BucketSource } from './protocol.ts'
import { type RetryPolicy, retry, STORE_RETRIES } from './retry.ts'
import { explain, failureOf, IncompleteAnswerError, isTransient } from './s3-errors.ts'
import type { Checked, Expectation, ListedObject, ObjectBody, ObjectHead, ObjectStore, UploadedPart } from './store.ts'

const CONNECTION_TIMEOUT_MS = 10_000
const SILENCE_TIMEOUT_MS = 60_000
const MAX_SOCKETS = 32

export class S3Store implements ObjectStore {
  readonly #client: S3Client
  readonly #source: BucketSource
  readonly #signal: AbortSignal
  readonly #retries: RetryPolicy
  /** False once the store said that it has no conditional writes, or compares ETags in a way of its own. */
  #hasConditions = true
  /** False once the store refused to delete many at once. */
  #hasBatches = true

  constructor(source: BucketSource, guard: AddressGuard, signal: AbortSignal, retries: RetryPolicy = STORE_RETRIES) {
    this.#retries = retries
    this.#source = source
    this.#signal = signal
    this.#client = new S3Client({
      endpoint: source.endpoint,
      region: source.region,
      forcePathStyle: source.pathStyle,
      credentials: { accessKeyId: source.accessKeyId, secretAccessKey: source.secretAccessKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // With it the SDK would dial through an agent of its own, past the guard.
      expectContinueHeader: false,
      maxAttempts: 1,
      requestHandler: {
        ...guard.agents(MAX_SOCKETS),
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        socketTimeout: SILENCE_TIMEOUT_MS,
      },
    })
  }

  async *list(prefix: string): AsyncGenerator<ListedObject, void, undefined> {
    const fetchPage = (token?: string) => {
      const page = this.#call(async () => {
        const answer = await this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#source.bucket,
            Prefix: prefix,
            EncodingType: 'url',
            ...(token ? { ContinuationToken: token } : {}),
          }),
          { abortSignal: this.#signal },
        )
        const { IsTruncated, NextContinuationToken } = answer
        if (IsTruncated === undefined || (IsTruncated && !NextContinuationToken))
          throw new IncompleteAnswerError('a listing')
        return answer
      })
      // The next page is asked for ahead of its turn; its error is thrown when the turn comes.
      page.catch(() => undefined)
      return page
    }
    let next: Promise<ListObjectsV2CommandOutput> | null = fetchPage()
    while (next) {
      const page: ListObjectsV2CommandOutput = await next
      next = page.IsTruncated ? fetchPage(page.NextContinuationToken) : null
      for (const { Key = '', Size = 0, ETag = '', LastModified = new Date(0) } of page.Contents ?? [])
        yield { key: decodeKey(Key), shown: Key, size: Size, etag: unquote(ETag), modified: LastModified }
    }
  }

  async head(key: string): Promise<ObjectHead | null> {
    return this.#orNull('missing', () =>
      this.#client
        .send(new HeadObjectCommand({ Bucket: this.#source.bucket, Key: key }), { abortSignal: this.#signal })
        .then(toHead),
    )
  }

  async get(key: string, from: number): Promise<ObjectBody | null> {
    return this.#orNull('missing', async () => {
      const answer = await this.#client.send(
        new GetObjectCommand({
          Bucket: this.#source.bucket,
          Key: key,
          ...(from > 0 ? { Range: `bytes=${from}-` } : {}),
        }),
        { abortSignal: this.#signal },
      )
      if (!(answer.Body instanceof Readable)) throw new TypeError('The SDK gave a body that is not a stream.')
      const whole = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1]
      return { ...toHead(answer), size: whole ? Number(whole) : (answer.ContentLength ?? 0), body: answer.Body }
    })
  }

  async put(key: string, body: Checked, metadata: Record<string, string>, expected: Expectation) {
    return this.#conditionally(key, expected, async (condition) => {
      const answer = await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#source.bucket,
          Key: key,
          Body: body.bytes,
          ContentLength: body.bytes.length,
          ContentMD5: body.md5,
          Metadata: metadata,
          ...condition,
        }),
        { abortSignal: this.#signal },
      )
      return unquote(answer.ETag) || null
    })
  }

  async beginParts(key: string, metadata: Record<string, string>): Promise<string> {
    return this.#call(async () => {
      const { UploadId } = await this.#client.send(
        new CreateMultipartUploadCommand({ Bucket: this.#source.bucket, Key: key, Metadata: metadata }),
        { abortSignal: this.#signal },
      )
      if (!UploadId) throw new IncompleteAnswerError('the id of an upload')
      return UploadId
    })
  }

  async putPart(key: string, upload: string, number: number, body: Checked): Promise<string> {
    return this.#call(async () => {
      const { ETag } = await this.#client.send(
        new UploadPartCommand({
          Bucket: this.#source.bucket,
          Key: key,
          UploadId: upload,
          PartNumber: number,
          Body: body.bytes,
          ContentLength: body.bytes.length,
          ContentMD5: body.md5,
        }),
        { abortSignal: this.#signal },
      )
      if (!ETag) throw new IncompleteAnswerError('the ETag of a part')
      return unquote(ETag)
    })
  }

  async endParts(key: string, upload: string, parts: UploadedPart[], expected: Expectation) {
    return this.#conditionally(key, expected, async (condition) => {
      const answer = await this.#client.send(
        new CompleteMultipartUploadCommand({
          Bucket: this.#source.bucket,
          Key: key,
          UploadId: upload,
          MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` })) },
          ...condition,
        }),
        { abortSignal: this.#signal },
      )
      return unquote(answer.ETag) || null
    })
  }

  async abortParts(key: string, upload: string): Promise<void> {
    await this.#orNull('missing', () =>
      this.#client.send(new AbortMultipartUploadCommand({ Bucket: this.#source.bucket, Key: key, UploadId: upload }), {
        abortSignal: this.#signal,
      }),
    )
  }

  async remove(keys: string[]): Promise<{ key: string; message: string }[]> {
    if (this.#hasBatches) {
      const failures = await this.#orNull('unsupported', async () => {
        const Objects = keys.map((Key) => ({ Key }))
        const answer = await this.#client.send(
          new DeleteObjectsCommand({ Bucket: this.#source.bucket, Delete: { Objects, Quiet: true } }),
          { abortSignal: this.#signal },
        )
        return (answer.Errors ?? []).map(({ Key = '', Code = '', Message = '' }) => ({
          key: Key,
          message: `S3 did not delete it: ${Code} ${Message}`.trim(),
        }))
      })
      if (failures) return failures
      this.#hasBatches = false
    }
    for (const key of keys)
      await this.#orNull('missing', () =>
        this.#client.send(new DeleteObjectCommand({ Bucket: this.#source.bucket, Key: key }), {
          abortSignal: this.#signal,
        }),
      )
    return []
  }

  async createBucket(): Promise<void> {
    await this.#orNull('exists', () =>
      this.#client.send(new CreateBucketCommand({ Bucket: this.#source.bucket }), { abortSignal: this.#signal }),
    )
  }

  close(): void {
    this.#client.destroy()
  }

  async #call<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await retry(this.#retries, this.#signal, isTransient, request)
    } catch (error) {
      this.#signal.throwIfAborted()
      throw explain(error, this.#source)
    }
  }

  /** Null instead of an error of that kind. */
  async #orNull<T>(failure: 'missing' | 'unsupported' | 'exists', request: () => Promise<T>): Promise<T | null> {
    return this.#call(async () => {
      try {
        return await request()
      } catch (error) {
        if (failureOf(error) === failure) return null
        throw error
      }
    })
  }

  /**
   * Writes under a condition where the store has them; null when the condition does not hold, or when the store does not
   * say what it wrote (Ceph, when parts are put together a second time).
   */
  async #conditionally(
    key: string,
    expected: Expectation,
    write: (condition: { IfMatch?: string; IfNoneMatch?: string }) => Promise<string | null>,
  ): Promise<string | null> {
    if (!this.#hasConditions) return this.#call(() => write({}))
    const condition = 'etag' in expected ? { IfMatch: expected.etag } : { IfNoneMatch: '*' }
    const outcome = await this.#call(async () => {
      try {
        return { etag: await write(condition) }
      } catch (error) {
        const failure = failureOf(error)
        if (failure === 'unmet' || failure === 'unsupported') return failure
        // The object of a condition is gone, or an upload was completed by a try whose answer was lost.
        if (failure === 'missing') return 'unmet'
        throw error
      }
    })
    if (typeof outcome === 'object') return outcome.etag
    if (outcome === 'unmet') {
      const found = await this.head(key)
      const isAsExpected = 'etag' in expected ? found?.etag === expected.etag : found === null
      if (!isAsExpected) return null
    }
    this.#hasConditions = false
    return this.#call(() => write({}))
  }
}

function toHead(answer: {
  ContentLength?: number | undefined
  ETag?: string | undefined
  LastModified?: Date | undefined
  Metadata?: Record<string, string> | undefined
}): ObjectHead {
  return {
    size: answer.ContentLength ?? 0,
    etag: unquote(answer.ETag),
    modified: answer.LastModified ?? new Date(0),
    metadata: answer.Metadata ?? {},
  }
}

function unquote(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '')
}

function decodeKey(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return null
  }
}
