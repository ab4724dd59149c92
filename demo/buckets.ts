/** The demo's buckets, seen as any S3 tool sees them. */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'

export interface StoreAddress {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
}

export class Buckets {
  readonly #s3: S3Client

  constructor({ endpoint, region, accessKey, secretKey }: StoreAddress) {
    this.#s3 = new S3Client({
      endpoint,
      region,
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
  }

  /** Makes the bucket with these objects, by key. */
  async make(bucket: string, objects: Record<string, string | Buffer>): Promise<void> {
    await this.#s3.send(new CreateBucketCommand({ Bucket: bucket }))
    for (const [key, body] of Object.entries(objects)) await this.put(bucket, key, body)
  }

  async put(bucket: string, key: string, body: string | Buffer): Promise<void> {
    await this.#s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
  }

  /** The object's content as text. */
  async read(bucket: string, key: string): Promise<string> {
    const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    return Body?.transformToString() ?? ''
  }

  /** What is there by key, in the order of the listing. */
  async list(bucket: string, prefix = ''): Promise<Map<string, { etag: string; bytes: number }>> {
    const objects = new Map<string, { etag: string; bytes: number }>()
    for await (const page of paginateListObjectsV2({ client: this.#s3 }, { Bucket: bucket, Prefix: prefix }))
      for (const { Key, ETag, Size } of page.Contents ?? [])
        objects.set(Key ?? '', { etag: ETag ?? '', bytes: Size ?? 0 })
    return objects
  }

  async empty(bucket: string, prefix = ''): Promise<void> {
    for (const key of (await this.list(bucket, prefix)).keys())
      await this.#s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
  }

  /** With all that is in it. */
  async remove(bucket: string): Promise<void> {
    await this.empty(bucket)
    await this.#s3.send(new DeleteBucketCommand({ Bucket: bucket }))
  }
}
