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
  /** When the inode last changed in any way, being renamed included; unlike mtime, nobody can set it. */
  ctime: string
  /** In decimal. */
  inode: string
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
  /** Of the very file that was compared; without them the bytes have to tell whether it is still that one. */
  ctime?: string
  inode?: string
  /** The object as it was in the bucket. `modified` is null until a listing showed it. */
  etag: string
  modified: string | null
  /**
   * `unpushed`: changed on both sides; the bucket's version was laid beside, so the local one may now replace it.
   * `diverged`: changed on both sides; this very local version lies in the bucket as a conflict copy, the object is not ours to replace.
   */
  mark?: 'unpushed' | 'diverged'
}

/** The two questions about bytes that a decision may hang on. */
export interface Comparison {
  equals(local: LocalEntry, remote: RemoteObject): Promise<boolean>
  hasEtag(local: LocalEntry, etag: string): Promise<boolean>
}

/** The three views of one path that the sorted merge brings together. */
export interface Sighting {
  path: string
  local: LocalEntry | null
  base: ManifestEntry | null
  remote: RemoteObject | null
}

/**
 * Whether content here is other than the last sync left it. A file that was moved or copied over another of the same size
 * and mtime is told by its inode and ctime; where only these differ, ask `recognize` first, which looks at the bytes.
 */
export function isChangedHere(local: LocalEntry, base: ManifestEntry | null): boolean {
  return base === null || base.mark === 'unpushed' || !looksAlike(local, base) || !isSameInode(local, base)
}

/** Whether what lies at a path now is what was seen there before, untouched in between. */
export function isSameVersion(now: LocalEntry | null, seen: LocalEntry | null): boolean {
  if (!now || !seen) return now === seen
  return looksAlike(now, seen) && isSameInode(now, seen)
}

/**
 * The record, renewed if only inode or ctime differ and the bytes are still those of its ETag: the file was given another
 * mode, linked to, or copied whole. Any other record comes back as it is, and `isChangedHere` says what that means.
 */
export async function recognize(
  local: LocalEntry | null,
  base: ManifestEntry | null,
  content: Comparison,
): Promise<ManifestEntry | null> {
  if (!local || !base || base.mark || !looksAlike(local, base) || isSameInode(local, base)) return base
  const { ctime, inode } = local
  return (await content.hasEtag(local, base.etag)) ? { ...base, ctime, inode } : base
}

/** A directory's times tell nothing of what is recorded of it. */
function looksAlike(local: LocalEntry, other: LocalEntry | ManifestEntry): boolean {
  return (
    local.type === other.type &&
    local.size === other.size &&
    (local.type === 'directory' || local.mtime === other.mtime)
  )
}

function isSameInode(local: LocalEntry, other: LocalEntry | ManifestEntry): boolean {
  return local.type === 'directory' || (local.ctime === other.ctime && local.inode === other.inode)
}

/** The record of a local entry that the bucket holds as `remote`. */
export function agreed(local: LocalEntry, remote: { etag: string; modified: string | null }): ManifestEntry {
  const { path, size, mtime, mode, ctime, inode } = local
  const type = local.type === 'other' ? 'file' : local.type
  return { path, type, size, mtime, mode, ctime, inode, etag: remote.etag, modified: remote.modified }
}
