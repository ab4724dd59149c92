/** The platform's own object storage, seen from the control plane: whether it answers, and its bucket for workspaces. */
import {
  CreateBucketCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import type { ObjectStoreAddress } from '../config.ts'

/** The store cannot be used as configured. The message is one sentence, without keys. */
export class PlatformStoreError extends Error {
  override readonly name = 'PlatformStoreError'
}

const TIMEOUT_MS = 5000
const PAGE_TIMEOUT_MS = 60_000

export interface StoredObject {
  key: string
  size: number
  etag: string
}

/** A store may refuse `_` in bucket names, as the S3 standard does. */
const withoutUnderscores = (bucket: string): string => bucket.replaceAll('_', '-')

export class PlatformStore {
  readonly address: ObjectStoreAddress
  readonly #client: S3Client

  constructor(address: ObjectStoreAddress) {
    this.address = address
    this.#client = new S3Client({
      endpoint: address.endpoint,
      region: address.region,
      credentials: { accessKeyId: address.accessKey, secretAccessKey: address.secretKey },
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 2,
    })
  }

  /**
   * Makes the bucket where it is missing and answers its name: the one that is wished, or, where the store refuses that, the
   * same with `-` for `_`. Throws PlatformStoreError.
   */
  async ensureBucket(wished: string): Promise<string> {
    for (const bucket of new Set([wished, withoutUnderscores(wished)])) if (await this.#has(bucket)) return bucket
    try {
      return await this.#create(wished)
    } catch (error) {
      if (!(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 400) throw this.#sentence(error)
    }
    return this.#create(withoutUnderscores(wished)).catch((error: unknown) => {
      throw this.#sentence(error)
    })
  }

  /** Resolves when the store answers for that bucket. Throws PlatformStoreError. */
  async ping(bucket: string): Promise<void> {
    if (!(await this.#has(bucket))) throw new PlatformStoreError(`There is no bucket ${bucket} any more.`)
  }

  /** Every object of a bucket, sorted by the bytes of its key, page by page. Throws PlatformStoreError. */
  async *list(bucket: string): AsyncGenerator<StoredObject> {
    let token: string | undefined
    do {
      const page = await this.#page(bucket, token)
      for (const { Key = '', Size = 0, ETag = '' } of page.Contents ?? []) yield { key: Key, size: Size, etag: ETag }
      token = page.NextContinuationToken
    } while (token)
  }

  async #page(bucket: string, token: string | undefined): Promise<ListObjectsV2CommandOutput> {
    try {
      const command = new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token })
      return await this.#client.send(command, { abortSignal: AbortSignal.timeout(PAGE_TIMEOUT_MS) })
    } catch (error) {
      throw this.#sentence(error)
    }
  }

  async #has(bucket: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket: bucket }), {
        abortSignal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return true
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
      if (status === 404 || status === 400) return false
      throw this.#sentence(error)
    }
  }

  async #create(bucket: string): Promise<string> {
    await this.#client.send(new CreateBucketCommand({ Bucket: bucket }), {
      abortSignal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return bucket
  }

  #sentence(error: unknown): PlatformStoreError {
    const { endpoint } = this.address
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 403)
      return new PlatformStoreError(`The store at ${endpoint} refuses the keys.`, { cause: error })
    const reason = error instanceof Error ? error.message || error.name : String(error)
    return new PlatformStoreError(`The store at ${endpoint} does not answer as S3: ${reason}.`, { cause: error })
  }
}
