/** Syncs that a user wishes while the notebook runs: carried beside it, never in the way of its end, and never its end. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../src/access/tokens.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { STALL_SECONDS } from '../../src/domain/lifecycle.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import type { Plan } from '../../src/mover/protocol.ts'
import { cancelDataSync, type SyncNotebookDataInput, syncNotebookData } from '../../src/usecases/live-syncs.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
let viewer: Viewer
/** What movers were told, beginning with the first one beside the running notebook. */
let plans: Plan[]
/** Ids of the syncs that its start was made of. */
let ofStart: string[]
beforeEach(async () => {
  w = await world()
  plans = []
  const project = { projectId: w.project.id, role: 'OWNER' } as const
  const user = await w.database.user.create({ data: { name: randomUUID(), members: { create: project } } })
  viewer = viewerFor(user)
})
afterEach(() => w[Symbol.asyncDispose]())

/** Movers that note their plan, and whose targets end as told. */
const noting = (outcomeOf: Parameters<typeof moverThat>[0] = () => ({})) =>
  moverThat((target, plan, report) => {
    if (!plans.some(({ operation }) => operation === plan.operation)) plans.push(plan)
    return outcomeOf(target, plan, report)
  })
const never = () => Promise.withResolvers<object>().promise

async function running(permissions: ('RO' | 'RW' | 'RWD')[] = ['RO', 'RW', 'RWD']): Promise<string> {
  const id = await w.running(permissions)
  w.daemon.programs.mover = noting()
  ofStart = (await w.database.dataSync.findMany({ where: { notebookId: id } })).map((each) => each.id)
  return id
}

const sync = (id: string, input: Omit<SyncNotebookDataInput, 'notebookId'>) =>
  syncNotebookData(w, viewer, { notebookId: encodeId('Notebook', id), ...input })
const cancel = (syncId: string) => cancelDataSync(w, viewer, { syncId: encodeId('DataSync', syncId) })

/** How the notebook's syncs stand that came after its start, by what they move. */
async function syncsOf(id: string): Promise<string[]> {
  const syncs = await w.database.dataSync.findMany({
    where: { notebookId: id, id: { notIn: ofStart } },
    include: { volume: true },
  })
  return syncs.map(({ direction, state, volume }) => `${direction} ${volume?.mountPath ?? 'workspace'} ${state}`).sort()
}
const untilSyncs = (id: string, expected: string[]) =>
  w.until(id, async () => (await syncsOf(id)).join() === expected.sort().join())
/** A mover runs. */
const isUnderWay = (id: string) =>
  w.untilTrue(async () => {
    const syncs = await w.database.dataSync.count({ where: { notebookId: id, state: 'RUNNING' } })
    return syncs > 0 && moversLeft().some(({ state }) => state === 'running')
  })
const moversLeft = () => w.containers().filter(({ spec }) => spec.identity.role === 'mover')
const copiesOf = (id: string) =>
  w.database.localCopy.findMany({ where: { notebookId: id }, orderBy: { target: 'asc' } })

describe('on demand, while it runs', () => {
  test('a pull carries all volumes and never the workspace; a push the workspace and what may be written to', async () => {
    w.control()
    const id = await running()
    await sync(id, { direction: 'PULL' })
    const [ro, rw, rwd] = ['/workspace/v0', '/workspace/v1', '/workspace/v2']
    const pulled = [`PULL ${ro} DONE`, `PULL ${rw} DONE`, `PULL ${rwd} DONE`]
    await untilSyncs(id, pulled)
    await sync(id, { direction: 'PUSH' })
    await untilSyncs(id, [...pulled, 'PUSH workspace DONE', `PUSH ${rw} DONE`, `PUSH ${rwd} DONE`])
    await w.untilTrue(async () => (await w.database.container.count()) === 1)
    expect(plans.map(({ direction, targets }) => [direction, targets.length])).toEqual([
      ['pull', 3],
      ['push', 3],
    ])
    expect(await w.database.notebook.findUnique({ where: { id } })).toMatchObject({ state: 'RUNNING', phase: null })
    expect((await w.transitions(id)).at(-1)).toBe('RUNNING')
    // It may be written to from there on: only the save at the end makes it safe.
    const written = (await copiesOf(id)).map((copy) => copy.written)
    expect(written.sort()).toEqual([false, true, true, true])
    expect(moversLeft()).toEqual([])
  })

  test('only a pull may write to the volumes, and only the mover gets keys', async () => {
    w.control()
    const id = await running(['RW'])
    w.daemon.programs.mover = noting(never)
    await sync(id, { direction: 'PUSH' })
    await isUnderWay(id)
    const mounts = () => moversLeft().flatMap(({ spec }) => spec.mounts.map(({ path, readOnly }) => [path, readOnly]))
    expect(mounts()).toEqual(
      expect.arrayContaining([
        ['/cahier/volumes/0', true],
        ['/cahier/workspace', true],
      ]),
    )
    await w.wish(id, stop)
    w.daemon.programs.mover = noting()
    await w.until(id, isSettled)
  })

  test('one mover at a time carries what was wished, in turn', async () => {
    w.control()
    const id = await running(['RW'])
    const gate = Promise.withResolvers<object>()
    w.daemon.programs.mover = noting(() => gate.promise)
    await sync(id, { direction: 'PUSH' })
    await isUnderWay(id)
    await sync(id, { direction: 'PULL' })
    expect(await syncsOf(id)).toEqual([
      'PULL /workspace/v0 PENDING',
      'PUSH /workspace/v0 RUNNING',
      'PUSH workspace RUNNING',
    ])
    expect(moversLeft()).toHaveLength(1)
    gate.resolve({})
    await untilSyncs(id, ['PULL /workspace/v0 DONE', 'PUSH /workspace/v0 DONE', 'PUSH workspace DONE'])
  })

  test('confirmed deletions are told to the mover', async () => {
    w.control()
    const id = await running(['RWD'])
    await sync(id, { direction: 'PUSH', confirmDeletions: true })
    await w.until(id, () => plans.length === 1)
    expect(plans[0]?.confirmDeletions).toBe(true)
  })

  test('its first and last report are kept, and the last says DONE', async () => {
    w.control()
    const id = await running(['RW'])
    const [pull] = await sync(id, { direction: 'PULL' })
    await untilSyncs(id, ['PULL /workspace/v0 DONE'])
    const events = await w.database.event.count({
      where: { notebookId: id, type: 'SyncProgressed', payload: { path: ['syncId'], equals: pull?.id ?? '' } },
    })
    expect(events).toBe(2)
  })
})

describe('a sync that fails', () => {
  test('is FAILED with its files, warns, and leaves the notebook RUNNING; the others of its wish go on', async () => {
    w.control()
    const id = await running(['RW', 'RWD'])
    const failures = [{ path: 'a', message: 'Permission denied.' }]
    const error = { kind: 'data', message: 'Access to the bucket was refused.' } as const
    w.daemon.programs.mover = noting(({ dataDir }) =>
      dataDir.endsWith('/0')
        ? { state: 'failed', error, failures, filesTotal: 3, filesDone: 1, bytesTotal: 9, bytesDone: 4 }
        : {},
    )
    await sync(id, { direction: 'PUSH' })
    await untilSyncs(id, ['PUSH /workspace/v0 FAILED', 'PUSH /workspace/v1 DONE', 'PUSH workspace DONE'])
    expect(await w.database.dataSync.findFirst({ where: { state: 'FAILED' } })).toMatchObject({
      failures,
      message: error.message,
    })
    const warned = await w.until(id, async () => (await w.transitions(id)).includes('SYNC_FAILED'))
    expect(warned.state).toBe('RUNNING')
    const event = await w.database.event.findFirstOrThrow({ where: { type: 'NotebookWarned' } })
    expect(event.payload).toMatchObject({
      message:
        'Volume /workspace/v0 could not be pushed whole; the notebook runs on. Access to the bucket was refused.',
    })
    const volume = await w.database.volume.findFirstOrThrow({ where: { mountPath: '/workspace/v0' } })
    expect((await copiesOf(id)).find(({ target }) => target === volume.id)).toMatchObject({
      written: true,
      saveError: null,
      unsavedFiles: 2,
      unsavedBytes: 5n,
    })
    w.daemon.programs.mover = noting()
    await w.wish(id, stop)
    await w.until(id, ({ state }) => state === 'STOPPED')
    await w.expectNothingLeft()
  })

  test('is FAILED also when its mover is killed or removed from outside', async () => {
    w.control()
    const id = await running(['RW'])
    w.daemon.programs.mover = noting(never)
    for (const blow of ['kill', 'remove'] as const) {
      await sync(id, { direction: 'PULL' })
      await isUnderWay(id)
      const [mover] = moversLeft()
      if (blow === 'kill') mover?.kill()
      else w.daemon.remove(mover?.id ?? '')
      await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) === 0)
    }
    expect(await syncsOf(id)).toEqual(['PULL /workspace/v0 FAILED', 'PULL /workspace/v0 FAILED'])
    expect((await w.transitions(id)).slice(-2)).toEqual(['SYNC_FAILED', 'SYNC_FAILED'])
  })

  test('moves nothing for 15 min: its mover is ended, and the notebook runs on', async () => {
    w.control()
    const id = await running(['RW'])
    w.daemon.programs.mover = noting(never)
    await sync(id, { direction: 'PULL' })
    await isUnderWay(id)
    await w.clock.advance(STALL_SECONDS.data + 1)
    await untilSyncs(id, ['PULL /workspace/v0 FAILED'])
    expect(await w.until(id, isRunning)).toMatchObject({ attempts: 0 })
  })

  test('had a mover that got no plan: the next one takes it up, and nobody is warned', async () => {
    w.control()
    const id = await running(['RW'])
    const tries = [() => ({ code: 64, oomKilled: false }), noting()]
    w.daemon.programs.mover = (process) =>
      (tries.length > 1 ? tries.shift() : tries[0])?.(process) ?? { code: 1, oomKilled: false }
    await sync(id, { direction: 'PULL' })
    await untilSyncs(id, ['PULL /workspace/v0 DONE'])
    expect((await w.transitions(id)).at(-1)).toBe('RUNNING')
  })
})

describe('whatever ends the run', () => {
  async function syncing(): Promise<string> {
    w.control()
    const id = await running(['RW'])
    w.daemon.programs.mover = noting(never)
    await sync(id, { direction: 'PULL' })
    await isUnderWay(id)
    await sync(id, { direction: 'PUSH' })
    w.daemon.programs.mover = noting()
    return id
  }
  const cancelled = ['PULL /workspace/v0 CANCELLED', 'PUSH /workspace/v0 CANCELLED', 'PUSH workspace CANCELLED']

  test('a stop cancels the syncs, and saves all as always', async () => {
    const id = await syncing()
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
    expect(await syncsOf(id)).toEqual([...cancelled, 'PUSH /workspace/v0 DONE', 'PUSH workspace DONE'].sort())
    await w.expectNothingLeft()
  })

  test('so does a forced deletion', async () => {
    const id = await syncing()
    await w.wish(id, { desired: 'DELETED', desiredReason: 'USER' })
    await w.until(id, ({ deletedAt }) => deletedAt !== null)
    expect(await syncsOf(id)).toEqual([...cancelled, 'PUSH /workspace/v0 DONE', 'PUSH workspace DONE'].sort())
    await w.expectNothingLeft()
  })

  test('a restart cancels them and copies nothing', async () => {
    const id = await syncing()
    await w.wish(id, { restartWished: true })
    await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
    expect(await syncsOf(id)).toEqual(cancelled)
    expect(moversLeft()).toEqual([])
  })

  test("the notebook's own end is noticed beside a mover that has hours to go", async () => {
    const id = await syncing()
    w.daemon.end(await w.containerOf(id), { code: 3, oomKilled: false })
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'FAILED', reason: 'EXITED', exitCode: 3 })
    await w.expectNothingLeft()
  })

  test('warnings come beside a mover that has hours to go, and then the limit', async () => {
    const id = await syncing()
    const { stopsAt } = await w.database.notebook.findUniqueOrThrow({ where: { id } })
    w.daemon.programs.mover = noting()
    const left = ((stopsAt?.getTime() ?? 0) - w.clock.now().getTime()) / 1000
    // That its mover moves nothing is another matter.
    await w.database.dataSync.updateMany({ data: { progressedAt: stopsAt } })
    await w.clock.advance(left - 200)
    await w.until(id, async () => (await w.transitions(id)).includes('RUN_LIMIT_NEAR'))
    await w.clock.advance(200)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'RUN_LIMIT' })
    await w.expectNothingLeft()
  })
})

describe('calling a sync off', () => {
  test('ends its mover; the others that it carried go on with the next one', async () => {
    w.control()
    const id = await running(['RW', 'RWD'])
    w.daemon.programs.mover = noting(({ dataDir }) => (dataDir.endsWith('/0') ? never() : {}))
    const [first] = await sync(id, { direction: 'PULL' })
    await isUnderWay(id)
    w.daemon.programs.mover = noting()
    await cancel(first?.id ?? '')
    await untilSyncs(id, ['PULL /workspace/v0 CANCELLED', 'PULL /workspace/v1 DONE'])
    expect((await w.transitions(id)).at(-1)).toBe('RUNNING')
  })

  test('that waits for its turn needs no mover for it', async () => {
    w.control()
    const id = await running(['RW'])
    w.daemon.programs.mover = noting(never)
    await sync(id, { direction: 'PULL' })
    await isUnderWay(id)
    const [, waiting] = await sync(id, { direction: 'PUSH' })
    expect(await cancel(waiting?.id ?? '')).toMatchObject({ state: 'CANCELLED', endedAt: expect.any(Date) })
    expect(await syncsOf(id)).toContain('PUSH workspace PENDING')
  })
})

test('a sync goes on over a change of control planes', async () => {
  const first = w.control()
  const id = await running(['RW'])
  const gate = Promise.withResolvers<object>()
  w.daemon.programs.mover = noting(() => gate.promise)
  await sync(id, { direction: 'PULL' })
  await isUnderWay(id)
  await first.stop()
  w.control()
  gate.resolve({ filesDone: 1 })
  await untilSyncs(id, ['PULL /workspace/v0 DONE'])
  expect(plans).toHaveLength(1)
})
