/** The real S3 server of this test run, and a plain client to look into it as any other tool would. */
import { randomBytes } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import type { ObjectStoreAddress } from '../../src/config.ts'

/** Throws when there is none: these tests show nothing without one. */
export function s3(): ObjectStoreAddress {
  const address: ObjectStoreAddress | undefined = inject('s3')
  if (!address) throw new Error('There is no S3 server to test against: the global set-up has to provide "s3".')
  return address
}

export class Bucket {
  readonly name: string
  readonly #client: S3Client

  private constructor(name: string, client: S3Client) {
    this.name = name
    this.#client = client
  }

  /** A name that no bucket has yet. */
  static named(): Bucket {
    const { endpoint, region, accessKey, secretKey } = s3()
    const client = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    })
    return new Bucket(`data-${randomBytes(6).toString('hex')}`, client)
  }

  static async create(): Promise<Bucket> {
    const bucket = Bucket.named()
    await bucket.#client.send(new CreateBucketCommand({ Bucket: bucket.name }))
    return bucket
  }

  async put(Key: string, Body: string | Buffer, Metadata: Record<string, string> = {}): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.name, Key, Body, Metadata }))
  }

  async delete(Key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key }))
  }

  async get(Key: string): Promise<{ body: Buffer; metadata: Record<string, string> }> {
    const answer = await this.#client.send(new GetObjectCommand({ Bucket: this.name, Key }))
    const body = Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
    return { body, metadata: answer.Metadata ?? {} }
  }

  async text(key: string): Promise<string> {
    return (await this.get(key)).body.toString()
  }

  /** Every key, in the order of the listing. */
  async keys(): Promise<string[]> {
    const keys: string[] = []
    for (let token: string | undefined, more = true; more; ) {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.name, ...(token ? { ContinuationToken: token } : {}) }),
      )
      for (const { Key = '' } of page.Contents ?? []) keys.push(Key)
      token = page.NextContinuationToken
      more = page.IsTruncated === true
    }
    return keys
  }

  /** Multipart uploads that were begun and neither completed nor given up. */
  async openUploads(): Promise<number> {
    const answer = await this.#client.send(new ListMultipartUploadsCommand({ Bucket: this.name }))
    return answer.Uploads?.length ?? 0
  }
}
