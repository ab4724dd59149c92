/**
 * What is known of one path: as it lies here, as the last sync left it, as the bucket lists it. Paths are relative to
 * the volume; a directory's ends in '/'. Times are whole nanoseconds since 1970, in decimal, so that they compare exactly.
 */

export type EntryType = 'file' | 'symlink' | 'directory'

export interface LocalEntry {
  path: string
  /** `other`: a socket, FIFO or device. */
  type: EntryType | 'other'
  /** Bytes; 0 for a directory. */
  size: number
  mtime: string
  /** Permission bits, without type. */
  mode: number
  /** A directory with nothing in it. */
  empty: boolean
  /** Why it could not be looked at, or into: nothing is known of it, nor of what lies below a directory. */
  problem?: string
}

export interface RemoteObject {
  path: string
  size: number
  /** Without quotes. */
  etag: string
  /** When the store took the object, as it lists it. */
  modified: string
}

/** One line of the manifest: a path on which the two sides agreed when the last sync ended, unless it carries a mark. */
export interface ManifestEntry {
  path: string
  type: EntryType
  /** Size, mtime and mode as they are here. */
  size: number
  mtime: string
  mode: number
  /** The object as it was in the bucket. `modified` is null until a listing showed it. */
  etag: string
  modified: string | null
  /**
   * `unpushed`: changed on both sides; the bucket's version was laid beside, so the local one may now replace it.
   * `diverged`: changed on both sides; this very local version lies in the bucket as a conflict copy, the object is not ours to replace.
   */
  mark?: 'unpushed' | 'diverged'
}

/** The three views of one path that the sorted merge brings together. */
export interface Sighting {
  path: string
  local: LocalEntry | null
  base: ManifestEntry | null
  remote: RemoteObject | null
}

/** Whether content here is other than the last sync left it. A changed mode alone is no change of content. */
export function isChangedHere(local: LocalEntry, base: ManifestEntry | null): boolean {
  return (
    base === null ||
    base.mark === 'unpushed' ||
    local.type !== base.type ||
    local.size !== base.size ||
    (local.type !== 'directory' && local.mtime !== base.mtime)
  )
}

/** Whether what lies at a path now is what was seen there before. */
export function isSameVersion(now: LocalEntry | null, seen: LocalEntry | null): boolean {
  if (!now || !seen) return now === seen
  return now.type === seen.type && now.size === seen.size && now.mtime === seen.mtime
}

/** The record of a local entry that the bucket holds as `remote`. */
export function agreed(local: LocalEntry, remote: { etag: string; modified: string | null }): ManifestEntry {
  const { path, size, mtime, mode } = local
  const type = local.type === 'other' ? 'file' : local.type
  return { path, type, size, mtime, mode, etag: remote.etag, modified: remote.modified }
}
