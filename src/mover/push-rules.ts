/**
 * What a push does with one path: three-way, against what the last sync left.
 *
 *   new or changed here              uploaded; over a version in the bucket only if that is the one the last sync left
 *   changed on both sides            the local one uploaded beside, the bucket's left alone
 *   deleted here                     RW: left in the bucket; RWD, workspace: deleted there, if it is still the same
 *   deleted or changed there only    left so; of the workspace the copy here is the truth, and is uploaded again
 *
 * Never are bytes that lie only here taken for saved: an upload that no listing has shown yet counts as changed.
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
import { refuseKey } from './names.ts'
import type { Severity } from './report.ts'

export type PushStep =
  /** Nothing moves; the entry is recorded again. */
  | { do: 'keep'; path: string; entry: ManifestEntry; isHere: boolean }
  /** `over`: ETag of the object that is replaced, null for none. */
  | { do: 'upload'; path: string; local: LocalEntry; over: string | null; base: ManifestEntry | null }
  /** Uploaded under another name, because `remote` has its own. */
  | { do: 'beside'; path: string; local: LocalEntry; remote: RemoteObject; base: ManifestEntry | null }
  | { do: 'delete'; path: string; base: ManifestEntry }
  | { do: 'fail'; path: string; message: string; severity: Severity; base: ManifestEntry | null }

export interface PushRules {
  isWorkspace: boolean
  /** RWD and workspace. */
  carriesDeletions: boolean
  bucketMissing: boolean
  prefix: string
}

/** Null: nothing to do and nothing to record. */
export async function decidePush(sighting: Sighting, rules: PushRules, content: Comparison): Promise<PushStep | null> {
  const { path, local, base, remote } = sighting
  if (!local) return decideMissing(sighting, rules)
  const refusal = refuse(local, rules)
  if (refusal) return { do: 'fail', path, base, ...refusal }
  if (local.type === 'directory') return decideFolder(local, base, remote, rules)
  if (!remote) {
    const deletedThere = base !== null && base.modified !== null && !base.mark && !isTouched(local, base)
    return deletedThere && !rules.isWorkspace && !rules.bucketMissing
      ? { do: 'keep', path, entry: base, isHere: true }
      : { do: 'upload', path, local, over: null, base }
  }
  if (base && !isTouched(local, base)) return decideUntouched(local, base, remote, content)
  if (base?.etag === remote.etag && base.mark !== 'diverged')
    return { do: 'upload', path, local, over: remote.etag, base }
  if (await content.equals(local, remote)) return { do: 'keep', path, entry: agreed(local, remote), isHere: true }
  if (base && !base.mark && (await content.hasEtag(local, base.etag)))
    return { do: 'keep', path, entry: base, isHere: true }
  return { do: 'beside', path, local, remote, base }
}

/** Also a changed mode is for a push to carry. */
function isTouched(local: LocalEntry, base: ManifestEntry): boolean {
  return isChangedHere(local, base) || local.mode !== base.mode
}

async function decideUntouched(
  local: LocalEntry,
  base: ManifestEntry,
  remote: RemoteObject,
  content: Comparison,
): Promise<PushStep> {
  const { path } = local
  const wasSeen = base.modified !== null || base.mark === 'diverged'
  if (wasSeen) return { do: 'keep', path, entry: base, isHere: true }
  if (base.etag === remote.etag || (await content.equals(local, remote)))
    return { do: 'keep', path, entry: agreed(local, remote), isHere: true }
  return { do: 'beside', path, local, remote, base }
}

function decideMissing({ path, base, remote }: Sighting, rules: PushRules): PushStep | null {
  if (!base || !remote || base.mark === 'diverged' || base.etag !== remote.etag) return null
  return rules.carriesDeletions ? { do: 'delete', path, base } : { do: 'keep', path, entry: base, isHere: false }
}

/** The bucket knows a folder by a marker: an empty one of the workspace gets one; one that is there stays with its folder. */
function decideFolder(
  local: LocalEntry,
  base: ManifestEntry | null,
  remote: RemoteObject | null,
  rules: PushRules,
): PushStep | null {
  const { path } = local
  if (!remote) return rules.isWorkspace && local.empty ? { do: 'upload', path, local, over: null, base } : null
  if (rules.isWorkspace && base && base.mode !== local.mode)
    return { do: 'upload', path, local, over: remote.etag, base }
  return { do: 'keep', path, entry: agreed(local, remote), isHere: true }
}

function refuse(local: LocalEntry, rules: PushRules): { message: string; severity: Severity } | null {
  if (local.problem) return { message: local.problem, severity: 'file' }
  if (local.type === 'other')
    return { message: 'It is a socket, FIFO or device, which has no content to be saved.', severity: 'told' }
  if (local.type === 'symlink' && !rules.isWorkspace)
    return { message: 'It is a symbolic link: only the workspace carries those.', severity: 'file' }
  const message = refuseKey(rules.prefix, local.path)
  return message === null ? null : { message, severity: 'file' }
}
