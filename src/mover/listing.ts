/**
 * The bucket's side of the merge: the objects below the prefix as paths of the volume, in order. Keys that no file can have
 * are told and left out, so that neither direction ever acts on them.
 */
import { Readable } from 'node:stream'
import type { RemoteObject } from './entry.ts'
import { isReserved, refusePath } from './names.ts'
import { type ListedObject, type ObjectStore, StoreError } from './store.ts'

export interface Listing {
  /** The bucket does not exist: nothing is known of what became of the objects. */
  bucketMissing: boolean
  objects: AsyncIterable<RemoteObject>
}

/** Asks for the first page at once, so that a refusal or a missing bucket shows before anything is done. */
export async function openListing(
  store: ObjectStore,
  prefix: string,
  reserved: readonly string[],
  onProblem: (path: string, message: string) => void,
): Promise<Listing> {
  const objects = store.list(prefix)[Symbol.asyncIterator]()
  let first: IteratorResult<ListedObject>
  try {
    first = await objects.next()
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'bucket-missing')
      return { bucketMissing: true, objects: Readable.from([]) }
    throw error
  }
  return { bucketMissing: false, objects: asPaths(first, objects, prefix, reserved, onProblem) }
}

async function* asPaths(
  first: IteratorResult<ListedObject>,
  objects: AsyncIterator<ListedObject>,
  prefix: string,
  reserved: readonly string[],
  onProblem: (path: string, message: string) => void,
): AsyncGenerator<RemoteObject, void, undefined> {
  try {
    for (let item = first; !item.done; item = await objects.next()) {
      const { key, shown, size, etag, modified } = item.value
      if (key === prefix) continue
      const path = key?.startsWith(prefix) ? key.slice(prefix.length) : null
      if (path !== null && isMountPoint(path, reserved)) continue
      const problem = path === null ? 'The key is not valid UTF-8.' : refuse(path, size, reserved)
      if (path === null || problem) onProblem(path ?? shown, problem ?? '')
      else yield { path, size, etag, modified: modified.toISOString() }
    }
  } finally {
    await objects.return?.()
  }
}

function refuse(path: string, size: number, reserved: readonly string[]): string | null {
  if (isReserved(path, reserved)) return 'Another volume is mounted there.'
  if (path.endsWith('/') && size > 0) return 'The key ends in "/" as a folder\'s, but the object has content.'
  return refusePath(path)
}

/** The marker of a folder on which another volume is mounted carries nothing. */
function isMountPoint(path: string, reserved: readonly string[]): boolean {
  return path.endsWith('/') && reserved.includes(path.slice(0, -1))
}
