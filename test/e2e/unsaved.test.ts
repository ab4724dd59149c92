/**
 * On real parts, with stores that are down and come back: what cannot be saved is kept, and every way out of it keeps the files or
 * gives them up as it says. Both stores, the platform's and the user's, lie behind one way that the test shuts.
 */
import { expect, inject, test } from 'vitest'
import { unwrap } from '../../src/sdk/errors.ts'
import {
  DeleteNotebookDocument,
  RetryNotebookSyncDocument,
  StartNotebookDocument,
  StopNotebookDocument,
} from '../../src/sdk/generated/operations.ts'
import { StoreWay } from '../chaos/store-way.ts'
import { freePort } from '../testkit/cahier.ts'
import { lightWorld } from './world.ts'

const TIME_LIMIT_MS = 600_000

/** A light notebook that runs, with a volume, and the way to its stores. */
async function notebookBehindAWay() {
  const { hostname, port } = new URL(inject('s3').endpoint)
  const way = new StoreWay({ host: hostname, port: await freePort() }, { host: hostname, port: Number(port) })
  await way.become('open')
  const w = await lightWorld({ S3_ENDPOINT: way.endpoint })
  const bucket = await w.bucket({ input: 'as it came' })
  const dataStoreId = await w.dataStore({ endpoint: way.endpoint })
  const volume = { bucket: { dataStoreId, bucket }, mountPath: '/workspace/data', permission: 'RW' as const }
  const notebook = await w.runLight({ volumes: [volume] })
  const input = { notebookId: notebook.id }

  /** As if 15 min had passed without a byte of progress. */
  async function letTimePass(): Promise<void> {
    await w.database.$transaction([
      w.database.notebook.updateMany({ where: { id: notebook.uuid }, data: { phaseStartedAt: new Date(0) } }),
      w.database.dataSync.updateMany({ data: { progressedAt: new Date(0) } }),
    ])
  }

  /** Until it has settled. A store that is away is waited for, for 15 min: that time passes once `isPatienceOver`. */
  async function settled(isPatienceOver: (message: string | null | undefined) => boolean): Promise<string> {
    for await (const item of w.client().notebookEvents(notebook.id)) {
      if (item.__typename === 'PhaseChanged' && isPatienceOver(item.message)) await letTimePass()
      if (item.__typename === 'StateChanged' && ['STOPPED', 'FAILED', 'ERROR'].includes(item.to)) return item.to
    }
    throw new Error('The stream ended')
  }

  return {
    w,
    way,
    notebook,

    async stop(discardUnsaved = false) {
      const answer = await w.client().request(StopNotebookDocument, { input: { ...input, discardUnsaved } })
      return unwrap(answer.stopNotebook)
    },

    async start(): Promise<void> {
      unwrap((await w.client().request(StartNotebookDocument, { input })).startNotebook)
      await w.client().waitFor(notebook.id, 'RUNNING')
    },

    async remove(how: { force?: boolean; discardUnsaved?: boolean } = {}) {
      return unwrap((await w.client().request(DeleteNotebookDocument, { input: { ...input, ...how } })).deleteNotebook)
    },

    async retry() {
      return unwrap((await w.client().request(RetryNotebookSyncDocument, { input })).retryNotebookSync)
    },

    /** Ends in ERROR, with all unsaved: after its first tries, or, where it is `patient`, after its second ones. */
    async failToSave(wish: () => Promise<unknown>, { patient = false } = {}): Promise<void> {
      await way.become('shut')
      const end = settled((message) => !patient || Boolean(message?.includes('Trying again')))
      await wish()
      expect(await end).toBe('ERROR')
      expect(await w.database.localCopy.findMany({ orderBy: { writtenSince: 'asc' } })).toMatchObject([
        { written: true },
        { written: true },
      ])
    },

    async write(content: string): Promise<void> {
      const inside = await w.inside(notebook)
      await inside.write('/workspace/file', content)
      await inside.write('/workspace/data/file', content)
    },

    saved: async () => [
      await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/file`),
      await w.buckets.read(bucket, 'file'),
    ],

    async here() {
      const inside = await w.inside(notebook)
      return [await inside.read('/workspace/file'), await inside.read('/workspace/data/file')]
    },

    async [Symbol.asyncDispose]() {
      await w[Symbol.asyncDispose]()
      await way.become('shut')
    },
  }
}

test('a start goes on with the local copy while the stores are down, and saves first when they are back', {
  timeout: TIME_LIMIT_MS,
}, async () => {
  await using n = await notebookBehindAWay()
  await n.write('one')
  await n.failToSave(n.stop)
  await n.start()
  expect(await n.here()).toEqual(['one', 'one'])
  expect(await n.w.database.event.findMany({ where: { type: 'NotebookWarned' } })).toMatchObject([
    { payload: { code: 'UNSAVED_DATA', message: expect.stringContaining('/workspace/data') } },
  ])
  await n.write('two')
  await n.failToSave(n.stop)
  await n.way.become('open')
  await n.start()
  expect(await n.here()).toEqual(['two', 'two'])
  expect(await n.saved()).toEqual(['two', 'two'])
  expect(await n.w.database.event.count({ where: { type: 'NotebookWarned' } })).toBe(1)
  await n.w.stop(n.notebook.id)
})

test('a forced deletion that cannot save deletes nothing; neither does one that is not told to; a retry saves all', {
  timeout: TIME_LIMIT_MS,
}, async () => {
  await using n = await notebookBehindAWay()
  await n.write('kept')
  await n.failToSave(() => n.remove({ force: true }), { patient: true })
  await expect(n.remove()).rejects.toThrow(/data that is not saved yet/)
  await n.way.become('open')
  await n.retry()
  await n.w.client().waitFor(n.notebook.id, 'STOPPED')
  expect(await n.saved()).toEqual(['kept', 'kept'])
  expect(await n.w.database.localCopy.count()).toBe(0)
})

test('what is given up is gone, and nothing else', { timeout: TIME_LIMIT_MS }, async () => {
  await using n = await notebookBehindAWay()
  await n.write('first')
  await n.w.stop(n.notebook.id)
  await n.start()
  await n.write('given up')
  await n.failToSave(n.stop)
  await n.stop(true)
  await n.w.client().waitFor(n.notebook.id, 'STOPPED')
  await n.way.become('open')
  expect(await n.saved()).toEqual(['first', 'first'])
  await n.start()
  expect(await n.here()).toEqual(['first', 'first'])
  await n.failToSave(n.stop)
  await n.remove({ discardUnsaved: true })
  await n.w.client().waitUntilDeleted(n.notebook.id)
  expect(await n.w.database.localCopy.count()).toBe(0)
  expect(await n.saved()).toEqual(['first', 'first'])
})
