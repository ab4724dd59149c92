/**
 * On real parts, with stores that are down and come back: what cannot be saved is kept, and every way out of it keeps the files or
 * gives them up as it says. Both stores, the platform's and the user's, lie behind one way that the test shuts.
 */
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { unwrap } from '../../src/sdk/errors.ts'
import {
  DeleteNotebookDocument,
  RetryNotebookSyncDocument,
  StartNotebookDocument,
  StopNotebookDocument,
} from '../../src/sdk/generated/operations.ts'
import { StoreWay } from '../chaos/store-way.ts'
import { freePort } from '../testkit/cahier.ts'
import { lightWorld, type World } from './world.ts'

let w: World
let way: StoreWay
let notebook: Awaited<ReturnType<World['runLight']>>
let bucket: string

beforeEach(async () => {
  const { hostname, port } = new URL(inject('s3').endpoint)
  way = new StoreWay({ host: hostname, port: await freePort() }, { host: hostname, port: Number(port) })
  await way.become('open')
  w = await lightWorld({ S3_ENDPOINT: way.endpoint })
  bucket = await w.bucket({ input: 'as it came' })
  const dataStoreId = await w.dataStore({ endpoint: way.endpoint })
  const volume = { bucket: { dataStoreId, bucket }, mountPath: '/workspace/data', permission: 'RW' as const }
  notebook = await w.runLight({ volumes: [volume] })
})
afterEach(async () => {
  await w[Symbol.asyncDispose]()
  await way.become('shut')
})

const input = () => ({ notebookId: notebook.id })
const stop = async (discardUnsaved = false) =>
  unwrap((await w.client().request(StopNotebookDocument, { input: { ...input(), discardUnsaved } })).stopNotebook)
const start = async () => {
  unwrap((await w.client().request(StartNotebookDocument, { input: input() })).startNotebook)
  await w.client().waitFor(notebook.id, 'RUNNING')
  return w.inside(notebook)
}
const remove = async (how: { force?: boolean; discardUnsaved?: boolean } = {}) =>
  unwrap((await w.client().request(DeleteNotebookDocument, { input: { ...input(), ...how } })).deleteNotebook)
const retry = async () =>
  unwrap((await w.client().request(RetryNotebookSyncDocument, { input: input() })).retryNotebookSync)

/** Until it has settled. A store that is away is waited for, for 15 min: the test makes that time pass with each failed try. */
async function settled(): Promise<string> {
  for await (const item of w.client().notebookEvents(notebook.id)) {
    if (item.__typename === 'PhaseChanged' && item.message?.includes('Trying again'))
      await w.database.$transaction([
        w.database.notebook.updateMany({ where: { id: notebook.uuid }, data: { phaseStartedAt: new Date(0) } }),
        w.database.dataSync.updateMany({ data: { progressedAt: new Date(0) } }),
      ])
    if (item.__typename === 'StateChanged' && ['STOPPED', 'FAILED', 'ERROR'].includes(item.to)) return item.to
  }
  throw new Error('The stream ended')
}

/** Ends in ERROR, with all unsaved. */
async function failToSave(wish: () => Promise<unknown>): Promise<void> {
  await way.become('shut')
  const end = settled()
  await wish()
  expect(await end).toBe('ERROR')
  expect(await w.database.localCopy.findMany({ orderBy: { writtenSince: 'asc' } })).toMatchObject([
    { written: true },
    { written: true },
  ])
}

const write = async (content: string) => {
  const inside = await w.inside(notebook)
  await inside.write('/workspace/file', content)
  await inside.write('/workspace/data/file', content)
}
const saved = async () => [
  await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/file`),
  await w.buckets.read(bucket, 'file'),
]
const here = async () => {
  const inside = await w.inside(notebook)
  return [await inside.read('/workspace/file'), await inside.read('/workspace/data/file')]
}

test('a start goes on with the local copy while the stores are down, and saves first when they are back', {
  timeout: 600_000,
}, async () => {
  await write('one')
  await failToSave(stop)
  await start()
  expect(await here()).toEqual(['one', 'one'])
  expect(await w.database.event.findMany({ where: { type: 'NotebookWarned' } })).toMatchObject([
    { payload: { code: 'UNSAVED_DATA', message: expect.stringContaining('/workspace/data') } },
  ])
  await write('two')
  await failToSave(stop)
  await way.become('open')
  await start()
  expect(await here()).toEqual(['two', 'two'])
  expect(await saved()).toEqual(['two', 'two'])
  expect(await w.database.event.count({ where: { type: 'NotebookWarned' } })).toBe(1)
  await w.stop(notebook.id)
})

test('a forced deletion that cannot save deletes nothing; neither does one that is not told to; a retry saves all', {
  timeout: 600_000,
}, async () => {
  await write('kept')
  await failToSave(() => remove({ force: true }))
  await expect(remove()).rejects.toThrow(/data that is not saved yet/)
  await way.become('open')
  await retry()
  await w.client().waitFor(notebook.id, 'STOPPED')
  expect(await saved()).toEqual(['kept', 'kept'])
  expect(await w.database.localCopy.count()).toBe(0)
})

test('what is given up is gone, and nothing else', { timeout: 600_000 }, async () => {
  await write('first')
  await w.stop(notebook.id)
  await start()
  await write('given up')
  await failToSave(stop)
  await stop(true)
  await w.client().waitFor(notebook.id, 'STOPPED')
  await way.become('open')
  expect(await saved()).toEqual(['first', 'first'])
  await start()
  expect(await here()).toEqual(['first', 'first'])
  await failToSave(stop)
  await remove({ discardUnsaved: true })
  await w.client().waitUntilDeleted(notebook.id)
  expect(await w.database.localCopy.count()).toBe(0)
  expect(await saved()).toEqual(['first', 'first'])
})
