/**
 * What the last sync left: `manifest.jsonl`, a head and one line for each path, sorted. Its head binds it to one local
 * copy and one place in one bucket; for any other it counts as empty, so that a fresh directory never passes for deletions.
 *
 * A sync writes the next manifest line by line beside it (`manifest.part`). What a kill left of that is true as far as it
 * goes: it is folded into the manifest, which is as before from there on.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ManifestEntry } from './entry.ts'
import { LineWriter, readLines } from './lines.ts'
import { comparePaths } from './order.ts'
import { type BucketSource, MANIFEST_FILE } from './protocol.ts'

const VERSION = 1
const PART_FILE = 'manifest.part'
const REVISION_FILE = 'manifest.revision'

interface Head {
  cahier: 'manifest'
  version: typeof VERSION
  /** The data directory itself, not its path. */
  root: string
  source: string
}

export class Manifest {
  readonly #folder: string
  readonly #head: Head

  constructor(folder: string, root: string, { endpoint, bucket, prefix }: BucketSource) {
    this.#folder = folder
    this.#head = { cahier: 'manifest', version: VERSION, root, source: `${endpoint} ${bucket}/${prefix}` }
  }

  /** The entries of the last sync. */
  read(): AsyncGenerator<ManifestEntry, void, undefined> {
    return this.#entries(MANIFEST_FILE)
  }

  /** Takes over what an interrupted sync recorded. */
  async recover(): Promise<void> {
    const revision = await this.#create(REVISION_FILE)
    let last: string | null = null
    for await (const entry of this.#entries(PART_FILE)) {
      last = entry.path
      await revision.write(entry)
    }
    if (last !== null) {
      for await (const entry of this.read()) if (comparePaths(entry.path, last) > 0) await revision.write(entry)
      await revision.publish(join(this.#folder, MANIFEST_FILE))
    } else await revision.close()
    await rm(join(this.#folder, REVISION_FILE), { force: true })
    await rm(join(this.#folder, PART_FILE), { force: true })
  }

  /** The next manifest, to be written in order. */
  draft(): Promise<LineWriter> {
    return this.#create(PART_FILE)
  }

  readDraft(): AsyncGenerator<ManifestEntry, void, undefined> {
    return this.#entries(PART_FILE)
  }

  /** What the draft becomes once it is verified. */
  revision(): Promise<LineWriter> {
    return this.#create(REVISION_FILE)
  }

  /** Makes a draft or revision the manifest. */
  async publish(next: LineWriter): Promise<void> {
    await next.publish(join(this.#folder, MANIFEST_FILE))
    await rm(join(this.#folder, PART_FILE), { force: true })
  }

  async #create(name: string): Promise<LineWriter> {
    const writer = await LineWriter.create(join(this.#folder, name))
    await writer.write(this.#head)
    return writer
  }

  async *#entries(name: string): AsyncGenerator<ManifestEntry, void, undefined> {
    let head: Head | null = null
    for await (const line of readLines(join(this.#folder, name))) {
      if (head) yield line as ManifestEntry
      else head = line as Head
      if (!this.#isOurs(head)) return
    }
  }

  #isOurs(head: Head): boolean {
    return head.version === VERSION && head.root === this.#head.root && head.source === this.#head.source
  }
}
