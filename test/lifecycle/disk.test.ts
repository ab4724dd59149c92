/** The disk that a flavor has: measured, warned of, and enforced. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchDisk } from '../../src/controller/disk.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { isSettled, type World, world } from './world.ts'

/** Sizes are told, not written: a flavor has gigabytes. */
const LIMIT = 50 * 2 ** 30

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

/** What the engine says of the notebook's workspace from now on. */
async function fill(id: string, share: number): Promise<void> {
  const copy = await w.database.localCopy.findFirstOrThrow({ where: { notebookId: id, target: 'workspace' } })
  w.daemon.sizes.set(copy.engineVolume, Math.round(LIMIT * share))
}

/** A round that is due now. */
async function measure(): Promise<void> {
  await w.database.engineNode.updateMany({ data: { diskDueAt: null } })
  await watchDisk(w.parts)
}

async function warnings(id: string): Promise<string[]> {
  return (await w.transitions(id)).filter((word) => word === 'DISK_NEARLY_FULL')
}

test('from 90 % of its disk a notebook warns, once per crossing', async () => {
  w.control()
  const id = await w.running()
  for (const [share, count] of [
    [0.89, 0],
    [0.9, 1],
    [0.95, 1],
    [0.5, 1],
    [1.05, 2],
  ] as const) {
    await fill(id, share)
    await measure()
    expect(await warnings(id), `at ${share}`).toHaveLength(count)
  }
  const events = await w.database.event.findMany({ where: { notebookId: id, type: 'NotebookWarned' } })
  expect(events[0]?.payload).toMatchObject({ message: expect.stringContaining('45.00 GiB of its 50.00 GiB') })
  expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'RUNNING' })
})

test('from 110 % it is saved and stopped, and the reason is DISK_FULL', async () => {
  w.control()
  const id = await w.running(['RW'])
  await fill(id, 1.1)
  await measure()
  const stopped = await w.until(id, isSettled)
  expect(stopped).toMatchObject({ state: 'STOPPED', reason: 'DISK_FULL', message: expect.stringContaining('disk') })
  const pushed = await w.database.dataSync.findMany({ where: { notebookId: id, direction: 'PUSH' } })
  expect(pushed.map(({ state }) => state)).toEqual(['DONE', 'DONE'])
  await w.expectNothingLeft()
})

test('workspace, writable volumes and the writable layer count, a read-only volume does not', async () => {
  w.control()
  const id = await w.running(['RO', 'RW', 'RWD'])
  const copies = await w.database.localCopy.findMany({ where: { notebookId: id } })
  for (const [index, { engineVolume }] of copies.entries()) w.daemon.sizes.set(engineVolume, 10 ** index)
  w.daemon.sizes.set(await w.containerOf(id), 10 ** copies.length)
  const readOnly = await w.database.volume.findFirstOrThrow({ where: { notebookId: id, permission: 'RO' } })
  const ofReadOnly = 10 ** copies.findIndex(({ target }) => target === readOnly.id)
  await measure()
  const usage = await w.database.diskUsage.findUniqueOrThrow({ where: { notebookId: id } })
  expect(Number(usage.usedBytes)).toBe(11111 - ofReadOnly)
})

test('of several replicas one measures, and the next after a minute', async () => {
  w.control()
  const id = await w.running()
  await fill(id, 0.2)
  await w.database.engineNode.updateMany({ data: { diskDueAt: null } })
  const hold = w.daemon.faults.hold('diskUsage')
  const first = watchDisk(w.parts)
  await hold.reached
  await watchDisk(w.parts)
  expect(await w.database.diskUsage.count()).toBe(0)
  hold.release()
  await first
  expect(await w.database.diskUsage.count()).toBe(1)
  await fill(id, 0.3)
  await watchDisk(w.parts)
  expect(await w.database.diskUsage.findUniqueOrThrow({ where: { notebookId: id } })).toMatchObject({
    usedBytes: BigInt(LIMIT * 0.2),
  })
})

test('an engine that cannot measure leaves things as they are, and is asked again', async () => {
  w.control()
  const id = await w.running()
  await fill(id, 0.2)
  await measure()
  w.daemon.faults.refuse(Number.POSITIVE_INFINITY)
  await expect(measure()).rejects.toThrow()
  w.daemon.faults.refuse(0)
  const { diskDueAt } = await w.database.engineNode.findFirstOrThrow()
  expect((diskDueAt?.getTime() ?? 0) - Date.now()).toBeLessThan(61_000)
  expect(await w.database.diskUsage.count({ where: { notebookId: id } })).toBe(1)
})

test('what is measured of nobody any more is forgotten', async () => {
  w.control()
  const id = await w.running()
  await fill(id, 0.2)
  await measure()
  await w.wish(id, { desired: 'STOPPED', desiredReason: 'USER' })
  await w.until(id, isSettled)
  await measure()
  expect(await w.database.diskUsage.count()).toBe(0)
})

test('a pull that its node has no room for fails the start with DISK_FULL, also of the workspace, and leaves nothing', async () => {
  const message = 'The disk is full: this pull needs 9 GiB in all; 8 GiB are free, of which 5 GiB stay in reserve.'
  w.daemon.programs.mover = moverThat(({ kind }) =>
    kind === 'workspace' ? { state: 'failed', error: { kind: 'data', message, diskFull: true } } : {},
  )
  w.control()
  const { id } = await w.notebook(['RW'])
  expect(await w.until(id, isSettled)).toMatchObject({
    state: 'FAILED',
    reason: 'DISK_FULL',
    message: `The workspace: ${message}`,
  })
  await w.expectNothingLeft()
})
