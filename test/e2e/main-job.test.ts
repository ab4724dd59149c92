/** The main job on real parts, through the API, the gateway and the stores, as a user would do it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StreamItem } from '../../src/sdk/client.ts'
import { unwrap } from '../../src/sdk/errors.ts'
import {
  DeleteNotebookDocument,
  NotebookBillDocument,
  NotebooksDocument,
  StartNotebookDocument,
} from '../../src/sdk/generated/operations.ts'
import { sseEvents } from './sse.ts'
import { type World, world } from './world.ts'

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

const CELL = `
import os
print(open('/workspace/in/hello.txt').read(), os.stat('/workspace/in/hello.txt').st_uid, os.getuid())
open('/mnt/out/dir/new.txt', 'w').write('new')
open('/workspace/kept.txt', 'w').write('kept')
try: open('/workspace/in/more.txt', 'w')
except OSError as error: print(error.strerror)
`

/** States and phases, without what repeats. */
function placesOf(items: readonly StreamItem[]): string[] {
  return items.flatMap((item) => {
    if (item.__typename === 'StateChanged') return [item.phase ? `${item.to}/${item.phase}` : item.to]
    return item.__typename === 'PhaseChanged' && item.phase ? [item.phase] : []
  })
}

test('from nothing to a billed notebook, live over WebSocket and SSE, and back again', async () => {
  const dataStoreId = await w.dataStore()
  const input = await w.bucket({ 'hello.txt': 'hello' })
  const output = await w.bucket({ 'dir/old.txt': 'old' })
  const before = await w.buckets.list(input)
  const notebook = await w.create({
    volumes: [
      { bucket: { dataStoreId, bucket: input }, mountPath: '/workspace/in', permission: 'RO' },
      { bucket: { dataStoreId, bucket: output }, mountPath: '/mnt/out', permission: 'RW' },
    ],
  })
  const after = notebook.eventCursor
  const live = collectUntilDeleted(w.client().notebookEvents(notebook.id, { after }))
  const sse = collectUntilDeleted(sseEvents(w.cahier(), notebook.id, after))

  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  expect((await w.jupyter(running).get('/lab')).status).toBe(200)
  expect(await w.jupyter(running).run(CELL)).toBe('hello 42420 42420\nRead-only file system\n')

  await w.stop(notebook.id)
  expect(await w.buckets.read(output, 'dir/new.txt')).toBe('new')
  expect([...(await w.buckets.list(output)).keys()]).toEqual(['dir/new.txt', 'dir/old.txt'])
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/kept.txt`)).toBe('kept')
  expect(await w.buckets.list(input)).toEqual(before)
  const bill = await w.client().request(NotebookBillDocument, { id: notebook.id })
  expect(bill.notebook?.billingPeriods.edges.map(({ node }) => node)).toMatchObject([
    { minutes: 1, units: 1, amount: { amount: '0.000500', currency: 'EUR' }, endSource: 'TRANSACTION' },
  ])

  unwrap((await w.client().request(StartNotebookDocument, { input: { notebookId: notebook.id } })).startNotebook)
  const again = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(again.url).toBe(notebook.url)
  expect(await w.jupyter(again).run("print(open('/workspace/kept.txt').read())")).toBe('kept\n')
  await w.stop(notebook.id)

  unwrap((await w.client().request(DeleteNotebookDocument, { input: { notebookId: notebook.id } })).deleteNotebook)
  await w.client().waitUntilDeleted(notebook.id)
  const { project } = await w.client().request(NotebooksDocument, { projectId: w.projectId })
  expect(project?.notebooks.edges).toEqual([])
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/kept.txt`)).toBe('kept')

  const items = await live
  const up = ['PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER', 'RUNNING']
  const down = ['STOPPING/STOPPING_CONTAINER', 'SAVING_WORKSPACE', 'PUSHING_DATA', 'STOPPED']
  const whole = [...up, ...down, 'STARTING/QUEUED', ...up, ...down, 'DELETING/REMOVING']
  expect(placesOf(items)).toEqual(whole)
  expect(placesOf(await sse)).toEqual(whole)
  expect(items).toContainEqual(
    expect.objectContaining({ __typename: 'CostAccrued', minutes: 1, cost: { amount: '0.000500', currency: 'EUR' } }),
  )
  const syncs = items.flatMap((item) => (item.__typename === 'SyncProgressed' ? [item.sync] : []))
  expect(syncs).toContainEqual(
    expect.objectContaining({
      direction: 'PULL',
      state: 'DONE',
      filesTotal: 1,
      filesDone: 1,
      bytesTotal: '5',
      bytesDone: '5',
    }),
  )
})

test('a subscriber that reconnects after each event misses nothing and gets nothing twice', async () => {
  const notebook = await w.create({})
  const seen: StreamItem[] = []
  const whole = collect(w.client().notebookEvents(notebook.id, { after: notebook.eventCursor }), isStopped)
  let after = notebook.eventCursor
  for (let done = false; !done; ) {
    for await (const item of w.client().notebookEvents(notebook.id, { after })) {
      seen.push(item)
      after = cursorOf(item)
      done = isStopped(item)
      if (item.__typename === 'StateChanged' && item.to === 'RUNNING') await w.stop(notebook.id)
      break
    }
  }
  expect(placesOf(seen)).toEqual(placesOf(await whole))
})

test('a wrong key of a data store ends in FAILED, with the name of the volume, and not in ERROR', async () => {
  const dataStoreId = await w.dataStore({ secretAccessKey: 'not-the-secret' })
  const bucket = await w.bucket({ a: 'a' })
  const notebook = await w.create({
    volumes: [{ bucket: { dataStoreId, bucket }, mountPath: '/workspace/refused', permission: 'RO' }],
  })
  const failed = await w.client().waitFor(notebook.id, 'FAILED')
  expect(failed.reason).toBe('DATA_ACCESS')
  expect(failed.message).toContain('/workspace/refused')
  expect(failed.message).not.toContain('not-the-secret')
  expect(await w.database.localCopy.count({ where: { notebookId: notebook.uuid } })).toBe(0)
})

function isStopped(item: StreamItem): boolean {
  return item.__typename === 'StateChanged' && item.to === 'STOPPED'
}

function cursorOf(item: StreamItem): string {
  return item.cursor
}

function collectUntilDeleted(items: AsyncIterable<StreamItem>): Promise<StreamItem[]> {
  return collect(items, ({ __typename }) => __typename === 'NotebookDeleted')
}

async function collect(items: AsyncIterable<StreamItem>, isLast: (item: StreamItem) => boolean): Promise<StreamItem[]> {
  const collected: StreamItem[] = []
  for await (const item of items) {
    collected.push(item)
    if (isLast(item)) break
  }
  return collected
}
