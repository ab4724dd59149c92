/**
 * What a pull does with one path: three-way, against what the last sync left.
 *
 *   changed in the bucket only      replaced
 *   changed here only               kept
 *   changed on both sides           the local one kept, the remote one laid beside
 *   deleted in the bucket           unchanged here: removed; changed here: kept
 *   deleted here                    RW: comes back; RWD, workspace: stays deleted, unless the bucket's changed since
 *
 * An RO volume mirrors the bucket. A bucket that is gone altogether deletes nothing here.
 */
import {
  agreed,
  type Comparison,
  isChangedHere,
  type LocalEntry,
  type ManifestEntry,
  type RemoteObject,
  type Sighting,
} from './entry.ts'

export type PullStep =
  /** Nothing moves; the entry is recorded again. */
  | { do: 'keep'; path: string; entry: ManifestEntry }
  /** The object takes the path's place; `local` is what may be replaced by it. */
  | { do: 'get'; path: string; remote: RemoteObject; local: LocalEntry | null; base: ManifestEntry | null }
  /** The object is laid beside what lies at its path. */
  | { do: 'beside'; path: string; remote: RemoteObject; local: LocalEntry }
  | { do: 'folder'; path: string; remote: RemoteObject; base: ManifestEntry | null }
  | { do: 'remove'; path: string; local: LocalEntry; base: ManifestEntry | null }
  | { do: 'fail'; path: string; message: string; base: ManifestEntry | null }

export interface PullRules {
  /** RO: the bucket's side always wins. */
  isMirror: boolean
  /** RWD and workspace: what was deleted here does not come back. */
  deletionsStay: boolean
  bucketMissing: boolean
}

/** Null: the path is none of the pull's business, and nothing is recorded of it. */
export async function decidePull(sighting: Sighting, rules: PullRules, content: Comparison): Promise<PullStep | null> {
  const { path, local, base, remote } = sighting
  if (local?.problem) return { do: 'fail', path, message: local.problem, base }
  if (path.endsWith('/')) return decideFolder(sighting, rules)
  const { isMirror } = rules
  if (!remote) {
    if (!local) return null
    if (rules.bucketMissing) return null
    if (isMirror) return { do: 'remove', path, local, base }
    return base && !isChangedHere(local, base) && base.modified !== null ? { do: 'remove', path, local, base } : null
  }
  const fetch: PullStep = { do: 'get', path, remote, local, base }
  if (!local) {
    const staysDeleted = base !== null && base.etag === remote.etag && rules.deletionsStay
    return staysDeleted ? { do: 'keep', path, entry: base } : fetch
  }
  if (base && !base.mark && !isChangedHere(local, base)) return decideUnchanged(local, base, remote, fetch, content)
  // Changed here only, or laid beside by an earlier pull: the record stays, and a push will carry it.
  if (!isMirror && base?.etag === remote.etag && base.mark !== 'diverged') return { do: 'keep', path, entry: base }
  if (await content.equals(local, remote)) return { do: 'keep', path, entry: agreed(local, remote) }
  if (isMirror) return fetch
  // Touched only: the bytes are still those of the last sync.
  if (base && !base.mark && (await content.hasEtag(local, base.etag))) return fetch
  return { do: 'beside', path, remote, local }
}

async function decideUnchanged(
  local: LocalEntry,
  base: ManifestEntry,
  remote: RemoteObject,
  fetch: PullStep,
  content: Comparison,
): Promise<PullStep> {
  const { path } = remote
  if (base.etag === remote.etag) {
    if (base.modified === null) return { do: 'keep', path, entry: { ...base, modified: remote.modified } }
    // The same bytes written anew: mode or mtime may be others.
    return base.modified === remote.modified ? { do: 'keep', path, entry: base } : fetch
  }
  // Uploaded, but another version was listed before ours ever was: ours may be nowhere but here.
  if (base.modified !== null) return fetch
  return (await content.equals(local, remote))
    ? { do: 'keep', path, entry: agreed(local, remote) }
    : { do: 'beside', path, remote, local }
}

function decideFolder({ path, local, base, remote }: Sighting, rules: PullRules): PullStep | null {
  if (remote) {
    const isKnown = base?.etag === remote.etag && base.modified === remote.modified
    if (local && base && isKnown) return { do: 'keep', path, entry: base }
    if (!local && base && rules.deletionsStay) return { do: 'keep', path, entry: base }
    return { do: 'folder', path, remote, base }
  }
  if (!local || rules.bucketMissing) return null
  return base || (rules.isMirror && local.empty) ? { do: 'remove', path, local, base } : null
}
