/** Empties a prefix, page by page, until a listing shows nothing below it. Cut off anywhere, a repeat goes on with what is left. */
import { type ListedObject, type ObjectStore, StoreError } from './store.ts'

/** S3's limit for one request. */
const AT_ONCE = 1000

/** `onRemoved` is told of each batch: how many objects, how many bytes. Throws StoreError for what cannot be removed. */
export async function removeAll(
  store: ObjectStore,
  prefix: string,
  onRemoved: (objects: number, bytes: number) => void,
): Promise<void> {
  let left: number
  do {
    left = 0
    for await (const batch of batchesOf(store, prefix)) {
      left += batch.length
      await removeBatch(store, batch)
      onRemoved(
        batch.length,
        batch.reduce((sum, { size }) => sum + size, 0),
      )
    }
  } while (left > 0)
}

async function* batchesOf(store: ObjectStore, prefix: string): AsyncGenerator<ListedObject[], void, undefined> {
  let batch: ListedObject[] = []
  try {
    for await (const object of store.list(prefix)) {
      batch.push(object)
      if (batch.length < AT_ONCE) continue
      yield batch
      batch = []
    }
  } catch (error) {
    // Nothing can be below a prefix of a bucket that is not there.
    if (!(error instanceof StoreError) || error.kind !== 'bucket-missing') throw error
  }
  if (batch.length > 0) yield batch
}

async function removeBatch(store: ObjectStore, batch: readonly ListedObject[]): Promise<void> {
  const unnamed = batch.find(({ key }) => key === null)
  if (unnamed)
    throw new StoreError('refused', `The key ${unnamed.shown} is not valid UTF-8, so that it cannot be named.`)
  const [failure, ...others] = await store.remove(batch.flatMap(({ key }) => key ?? []))
  if (!failure) return
  const more = others.length > 0 ? ` Nor ${others.length} others.` : ''
  throw new StoreError('refused', `"${failure.key}" could not be removed. ${failure.message}.${more}`)
}
