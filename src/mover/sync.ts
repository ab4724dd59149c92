/** What pull and push of one target share: the parts they work with, and the bounds of their parallel work. */
import type { BodyMemory } from './body-memory.ts'
import type { Content } from './content.ts'
import {
  isChangedHere,
  isSameVersion,
  type LocalEntry,
  type ManifestEntry,
  type RemoteObject,
  recognize,
  type Sighting,
} from './entry.ts'
import type { UploadJournal } from './journal.ts'
import type { Manifest } from './manifest.ts'
import { merge } from './merge.ts'
import { isReserved } from './names.ts'
import type { Progress } from './progress.ts'
import type { Plan, Target } from './protocol.ts'
import type { Report } from './report.ts'
import type { ObjectStore } from './store.ts'
import type { Tree } from './tree.ts'
import { walk } from './walk.ts'

/** The steps of the sync under way, in the side directory. */
export const STEPS_FILE = 'steps.jsonl'
/** Files under way at once. */
export const FILES_IN_FLIGHT = 16
/** Results that may wait for one before them, so that a large file does not hold up the small ones behind it. */
export const RESULTS_WAITING = 4096

export interface Sync {
  plan: Plan
  target: Target
  store: ObjectStore
  tree: Tree
  manifest: Manifest
  content: Content
  journal: UploadJournal
  progress: Progress
  report: Report
  memory: BodyMemory
  signal: AbortSignal
  /** Ends everything under way of this target; the signal then carries the reason. */
  abort: (reason: unknown) => void
  /** A file of the side directory. */
  side: (name: string) => string
}

/** Whether the bucket's side always wins. */
export function isMirror({ kind, permission }: Target): boolean {
  return kind === 'volume' && permission === 'RO'
}

/** Whether what lies at a path is what was `seen` there, or still what the record says: then a pull may replace or remove it. */
export async function isStill(
  { tree, content }: Sync,
  now: LocalEntry | null,
  { path, local: seen, base }: { path: string; local: LocalEntry | null; base: ManifestEntry | null },
): Promise<boolean> {
  if (isSameVersion(now, seen)) return true
  if (!now) return false
  const known = await recognize(now, base, content)
  return !isChangedHere(now, known) && isSameVersion(tree.stat(path), now)
}

/** Volume, manifest and bucket, merged. Only files whose inode or ctime alone differ from the record are read for it. */
export async function* sightings(sync: Sync, objects: AsyncIterable<RemoteObject>): AsyncGenerator<Sighting> {
  const local: AsyncIterable<LocalEntry> = walk(sync.tree, {
    reserved: sync.target.reserved,
    signal: sync.signal,
    onProblem: (path, message) => sync.report.fail(path, message, sync.plan.direction === 'push' ? 'file' : 'told'),
  })
  for await (const [path, here, base, remote] of merge(local, sync.manifest.read(), objects))
    if (!isReserved(path, sync.target.reserved))
      yield { path, local: here, base: await recognize(here, base, sync.content), remote }
}
