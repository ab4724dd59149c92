/** The object store beside the fake engine: what movers carry files from and to, and the faults a test orders for a bucket. */
import type { TargetError } from '../../mover/protocol.ts'

/** Content by key. */
export type FakeBucket = Map<string, Buffer>

export class FakeObjectStore {
  readonly #buckets = new Map<string, FakeBucket>()
  readonly #faults = new Map<string, TargetError>()
  readonly #holds = new Map<string, PromiseWithResolvers<void>>()

  /** A bucket is made by its first use. */
  bucket(name: string): FakeBucket {
    const bucket = this.#buckets.get(name) ?? new Map()
    this.#buckets.set(name, bucket)
    return bucket
  }

  /** Every use of the bucket fails like that until it is told otherwise: `data` as one that refuses access, `store` as one that does not answer. */
  fail(bucket: string, fault: TargetError | null): void {
    if (fault) this.#faults.set(bucket, fault)
    else this.#faults.delete(bucket)
  }

  /** Whoever uses the bucket waits until it is released. */
  hold(bucket: string): void {
    if (!this.#holds.has(bucket)) this.#holds.set(bucket, Promise.withResolvers())
  }

  release(bucket: string): void {
    this.#holds.get(bucket)?.resolve()
    this.#holds.delete(bucket)
  }

  /** Waits as long as the bucket is held; then answers what its use fails with, or null. */
  async admit(bucket: string): Promise<TargetError | null> {
    await this.#holds.get(bucket)?.promise
    return this.#faults.get(bucket) ?? null
  }
}
