/**
 * What notebooks were told to write and said to have written and synchronised to disk. Each file is written once, so that
 * whatever happens after, its content can be only one.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Buckets } from '../../demo/buckets.ts'

interface Written {
  notebook: string
  bucket: string
  key: string
  digest: string
}

const digestOf = (content: string): string => createHash('sha256').update(content).digest('hex')

export class Ledger {
  readonly #written: Written[] = []
  #made = 0

  /** A new file's name and content, of up to 64 KiB. */
  make(size: number): { name: string; content: string } {
    this.#made += 1
    return { name: `file-${this.#made}`, content: randomBytes(Math.ceil(size / 2)).toString('hex') }
  }

  /** The notebook answered that it is on its disk. */
  enter(notebook: string, bucket: string, key: string, content: string): void {
    this.#written.push({ notebook, bucket, key, digest: digestOf(content) })
  }

  get size(): number {
    return this.#written.length
  }

  /** Sentences about files that are not in their buckets as they were written. */
  async losses(buckets: Buckets): Promise<string[]> {
    const losses = []
    for (const { notebook, bucket, key, digest } of this.#written) {
      const found = await buckets.read(bucket, key).catch((error: unknown) => error as Error)
      if (found instanceof Error) losses.push(`Notebook ${notebook}: ${bucket}/${key} is lost (${found.name}).`)
      else if (digestOf(found) !== digest) losses.push(`Notebook ${notebook}: ${bucket}/${key} has another content.`)
    }
    return losses
  }
}
