/**
 * What makes a push count: a listing after it must show every upload with the size and ETag that the store answered. The
 * same listing tells whether what is to be deleted is still what the last sync left; only that is deleted.
 */
import type { ManifestEntry, RemoteObject } from './entry.ts'
import type { LineWriter } from './lines.ts'
import { openListing } from './listing.ts'
import { merge } from './merge.ts'
import type { PushStep } from './push-rules.ts'
import type { Spool } from './spool.ts'
import { StoreError } from './store.ts'
import type { Sync } from './sync.ts'

/** S3's limit for one request. */
const DELETIONS_AT_ONCE = 1000
/** Records that wait for a deletion among them. */
const RECORDS_WAITING = 8192

type Deletion = Extract<PushStep, { do: 'delete' }>

/** Turns the draft into the manifest. An upload that is not as it should be is a failure, and no record of it remains. */
export async function verifyAndDelete(sync: Sync, steps: Spool<PushStep>, deletionsHeld: boolean): Promise<void> {
  const { store, target, manifest, progress } = sync
  progress.stage('verifying')
  const listing = await openListing(store, target.source.prefix, target.reserved, () => {
    // Told when it was listed first.
  })
  if (listing.bucketMissing)
    throw new StoreError('unavailable', `The bucket "${target.source.bucket}" was gone right after the push.`)
  const revision = await manifest.revision()
  try {
    const records = new Records(sync, revision)
    for await (const [, entry, deletion, remote] of merge(manifest.readDraft(), deletions(steps), listing.objects)) {
      sync.signal.throwIfAborted()
      if (deletion && deletionsHeld) progress.add('filesSkipped')
      if (deletion && !deletionsHeld) await records.delete(deletion, remote)
      else if (entry) await records.keep(verify(sync, entry, remote))
    }
    await records.flush()
  } catch (error) {
    await revision.close()
    throw error
  }
  await manifest.publish(revision)
}

async function* deletions(steps: Spool<PushStep>): AsyncGenerator<Deletion, void, undefined> {
  for await (const step of steps.read()) if (step.do === 'delete') yield step
}

/** The entry as it is to be recorded; null after a failure, so that the next push takes the file for unsaved. */
function verify(sync: Sync, entry: ManifestEntry, remote: RemoteObject | null): ManifestEntry | null {
  const { report, target } = sync
  if (entry.modified !== null) {
    if (remote || target.kind === 'volume') return entry
    report.fail(entry.path, 'It vanished from the bucket during the push.', 'store')
    return null
  }
  if (!remote) {
    report.fail(entry.path, 'The store took it, but does not list it.', 'store')
    return null
  }
  if (remote.etag === entry.etag && remote.size === entry.size) return { ...entry, modified: remote.modified }
  report.fail(entry.path, 'Another version replaced it in the bucket during the push.', 'data')
  return null
}

/** Writes records in order; a deletion's base remains on record unless the deletion went through. */
class Records {
  readonly #sync: Sync
  readonly #writer: LineWriter
  #waiting: ManifestEntry[] = []
  #toDelete: string[] = []

  constructor(sync: Sync, writer: LineWriter) {
    this.#sync = sync
    this.#writer = writer
  }

  async keep(entry: ManifestEntry | null): Promise<void> {
    if (entry) this.#waiting.push(entry)
    if (this.#waiting.length >= RECORDS_WAITING) await this.flush()
  }

  async delete({ path, base }: Deletion, remote: RemoteObject | null): Promise<void> {
    if (remote && remote.etag !== base.etag) {
      // Changed there since it was listed first: it is not what was deleted here.
      this.#sync.progress.add('filesSkipped')
      return
    }
    this.#waiting.push(base)
    this.#toDelete.push(path)
    if (this.#toDelete.length >= DELETIONS_AT_ONCE) await this.flush()
  }

  async flush(): Promise<void> {
    const gone = await this.#deleteAll()
    for (const entry of this.#waiting) if (!gone.has(entry.path)) await this.#writer.write(entry)
    this.#waiting = []
    this.#toDelete = []
  }

  /** The paths that are gone from the bucket. */
  async #deleteAll(): Promise<Set<string>> {
    const { store, target, progress, report } = this.#sync
    const gone = new Set(this.#toDelete)
    if (gone.size === 0) return gone
    const { prefix } = target.source
    const failures = await store.remove(this.#toDelete.map((path) => prefix + path))
    for (const { key, message } of failures) {
      gone.delete(key.slice(prefix.length))
      report.fail(key.slice(prefix.length), message, 'data')
    }
    progress.add('filesDeleted', gone.size)
    return gone
  }
}
