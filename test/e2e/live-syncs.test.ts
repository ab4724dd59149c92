/** On real parts: data is moved beside a running notebook, which goes on working; its end does not wait for what moves. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { unwrap } from '../../src/sdk/errors.ts'
import { CancelDataSyncDocument, SyncNotebookDataDocument } from '../../src/sdk/generated/operations.ts'
import { expectNothingLeft } from './data.ts'
import { lightWorld, type World } from './world.ts'

const sync = async (w: World, notebookId: string, direction: 'PULL' | 'PUSH') =>
  unwrap((await w.client().request(SyncNotebookDataDocument, { input: { notebookId, direction } })).syncNotebookData)
    .syncs

/** Waits until all have ended, and answers how. */
async function endOf(w: World, notebook: { id: string; eventCursor: string }, syncs: { id: string }[]) {
  const states = new Map<string, string>()
  await w.untilItem(notebook, (item) => {
    if (item.__typename === 'SyncProgressed' && item.sync.endedAt) states.set(item.sync.id, item.sync.state)
    return syncs.every(({ id }) => states.has(id))
  })
  return syncs.map(({ id }) => states.get(id))
}

test('a pull brings what came to the bucket, and a push saves, while the notebook runs', async () => {
  await using w = await lightWorld()
  const bucket = await w.bucket({ old: 'old', both: 'as it came' })
  const source = { bucket: { dataStoreId: await w.dataStore(), bucket }, mountPath: '/mnt/data' }
  const notebook = await w.runLight({ volumes: [{ ...source, permission: 'RW' }] })
  const { inside } = notebook
  await inside.run('printf mine > /mnt/data/both; printf made > /mnt/data/made; printf kept > kept')
  await w.buckets.put(bucket, 'old', 'newer')
  await w.buckets.put(bucket, 'both', 'theirs')

  expect(await endOf(w, notebook, await sync(w, notebook.id, 'PULL'))).toEqual(['DONE'])
  expect(await inside.run('cd /mnt/data; cat old; echo; cat both; echo; cat both.remote-*')).toBe('newer\nmine\ntheirs')
  expect(await endOf(w, notebook, await sync(w, notebook.id, 'PUSH'))).toEqual(['DONE', 'DONE'])
  expect(await w.buckets.read(bucket, 'made')).toBe('made')
  expect(await w.buckets.read(bucket, 'both')).toBe('mine')
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/kept`)).toBe('kept')
  expect(await w.stop(notebook.id)).toMatchObject({ reason: 'USER' })
  await expectNothingLeft(w, notebook.uuid)
})

test('one can be called off, and a stop waits for none and saves all', async () => {
  await using w = await lightWorld()
  const large = Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`f${index}`, randomBytes(8 * 2 ** 20)]))
  const bucket = await w.bucket({})
  const source = { bucket: { dataStoreId: await w.dataStore(), bucket }, mountPath: '/mnt/data' }
  const notebook = await w.runLight({ volumes: [{ ...source, permission: 'RW' }] })
  for (const [key, content] of Object.entries(large)) await w.buckets.put(bucket, key, content)
  const [first] = await sync(w, notebook.id, 'PULL')
  unwrap((await w.client().request(CancelDataSyncDocument, { input: { syncId: first?.id ?? '' } })).cancelDataSync)
  expect(await endOf(w, notebook, first ? [first] : [])).toEqual(['CANCELLED'])

  const second = await sync(w, notebook.id, 'PULL')
  await w.untilItem(notebook, (item) => item.__typename === 'SyncProgressed' && item.sync.id === second[0]?.id)
  await notebook.inside.run('printf late > /mnt/data/late')
  await w.stop(notebook.id)
  expect(await w.buckets.read(bucket, 'late')).toBe('late')
  expect([...(await w.buckets.list(bucket)).keys()]).toHaveLength(17)
  await expectNothingLeft(w, notebook.uuid)
})
