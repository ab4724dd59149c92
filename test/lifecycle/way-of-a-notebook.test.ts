/** The way of a notebook, and what a restart, a deletion and a full node make of it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

test('a notebook goes up and down through its phases, and each is an event', async () => {
  w.control()
  const id = await w.running(['RO', 'RW'])
  await w.wish(id, stop)
  const stopped = await w.until(id, isSettled)
  expect(stopped).toMatchObject({ state: 'STOPPED', reason: 'USER', heldMilliCpus: 0, nodeId: null, phase: null })
  expect(await w.transitions(id)).toEqual([
    'NotebookCreated',
    'PULLING_DATA',
    'ALLOCATING',
    'PULLING_IMAGE',
    'STARTING_CONTAINER',
    'RUNNING',
    'STOPPING/STOPPING_CONTAINER',
    'SAVING_WORKSPACE',
    'PUSHING_DATA',
    'STOPPED',
  ])
  expect(await w.periods(id)).toMatchObject([{ minutes: 1, endSource: 'TRANSACTION', pricePerHourMicros: 30_000n }])
  await w.expectNothingLeft()
})

test("a project's events are numbered without a gap, whoever writes them", async () => {
  w.control()
  w.control()
  const notebooks = await Promise.all([w.notebook(), w.notebook(['RW']), w.notebook()])
  await Promise.all(notebooks.map(({ id }) => w.until(id, isRunning)))
  const events = await w.database.event.findMany({ where: { projectId: w.project.id }, orderBy: { seq: 'asc' } })
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => BigInt(index + 1)))
})

test('only what a notebook may write to is pushed, and each target has its syncs', async () => {
  w.control()
  const id = await w.running(['RO', 'RW', 'RWD'])
  await w.wish(id, stop)
  await w.until(id, isSettled)
  const syncs = await w.database.dataSync.findMany({ where: { notebookId: id }, include: { volume: true } })
  const seen = syncs.map(({ direction, volume, state }) => `${direction} ${volume?.permission ?? 'workspace'} ${state}`)
  expect(seen.sort()).toEqual([
    'PULL RO DONE',
    'PULL RW DONE',
    'PULL RWD DONE',
    'PULL workspace DONE',
    'PUSH RW DONE',
    'PUSH RWD DONE',
    'PUSH workspace DONE',
  ])
})

test('a restart replaces the container without any data copy; a new run begins', async () => {
  w.control()
  const id = await w.running(['RW'])
  const before = await w.containerOf(id)
  const syncs = await w.database.dataSync.count()
  await w.wish(id, { restartWished: true })
  await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
  expect(await w.containerOf(id)).not.toBe(before)
  expect(await w.database.dataSync.count()).toBe(syncs)
  expect((await w.transitions(id)).slice(-5)).toEqual([
    'STOPPING/STOPPING_CONTAINER',
    'STARTING/ALLOCATING',
    'PULLING_IMAGE',
    'STARTING_CONTAINER',
    'RUNNING',
  ])
})

test('a restart that is taken back by a stop ends as a stop', async () => {
  w.control()
  const id = await w.running()
  const hold = w.daemon.faults.hold('stop')
  await w.wish(id, { restartWished: true })
  await hold.reached
  await w.wish(id, { ...stop, restartWished: false })
  hold.release()
  expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER', message: 'Stopped as asked.' })
})

test('a forced deletion stops, saves, and then deletes; its last event says so', async () => {
  w.control()
  const id = await w.running()
  await w.wish(id, { desired: 'DELETED', desiredReason: 'USER' })
  await w.until(id, ({ deletedAt }) => deletedAt !== null)
  expect((await w.transitions(id)).slice(-4)).toEqual([
    'SAVING_WORKSPACE',
    'STOPPED',
    'DELETING/REMOVING',
    'NotebookDeleted',
  ])
  await w.expectNothingLeft()
})

test('a node is never given more units than it has: the third of three 1-vCPU starts on 2 CPUs waits for the first stop', async () => {
  await w.resize({ cpus: 2 })
  w.control()
  const ids = (await Promise.all([w.notebook(), w.notebook(), w.notebook()])).map(({ id }) => id)
  const states = () => w.database.notebook.findMany({ where: { id: { in: ids } } })
  const settled = async () => (await states()).every(({ state, message }) => state === 'RUNNING' || message !== null)
  for (const id of ids) await w.until(id, settled)
  const queued = (await states()).filter(({ phase }) => phase === 'QUEUED')
  expect(queued).toHaveLength(1)
  await w.wish(ids.find((id) => id !== queued[0]?.id) ?? '', stop)
  await w.until(queued[0]?.id ?? '', isRunning)
})
