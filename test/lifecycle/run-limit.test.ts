/** The run limit: the deadline, the warnings ahead of it, and what moves it. All on the injected clock. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../src/access/tokens.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { RUN_LIMIT_SECONDS } from '../../src/domain/run-limit.ts'
import { extendNotebook } from '../../src/usecases/extend-notebook.ts'
import { updateNotebook } from '../../src/usecases/update-notebook.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { isRunning, isSettled, type World, world } from './world.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 24 * HOUR

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

async function running(set: Parameters<World['notebook']>[1] = {}): Promise<string> {
  const { id } = await w.notebook([], set)
  await w.until(id, isRunning)
  return id
}

const row = (id: string) => w.database.notebook.findUniqueOrThrow({ where: { id } })

/** Jumps to so many seconds ahead of the deadline. */
async function advanceTo(id: string, ahead: number): Promise<void> {
  const { stopsAt } = await row(id)
  await w.clock.advance(((stopsAt?.getTime() ?? 0) - w.clock.now().getTime()) / 1000 - ahead)
}

async function warnings(id: string) {
  const events = await w.database.event.findMany({
    where: { notebookId: id, type: 'NotebookWarned', payload: { path: ['code'], equals: 'RUN_LIMIT_NEAR' } },
    orderBy: { seq: 'asc' },
  })
  return events.map(({ payload }) => payload as { code: string; message: string; dueAt: string })
}

/** How long until the deadline, in the words of each warning given. */
const warned = async (id: string) => (await warnings(id)).map(({ message }) => /in (.*?);/.exec(message)?.[1])
const untilWarned = (id: string, count: number) => w.until(id, async () => (await warnings(id)).length >= count)

async function owner(): Promise<Viewer> {
  const project = { projectId: w.project.id, role: 'OWNER' } as const
  const user = await w.database.user.create({ data: { name: 'owner', members: { create: project } } })
  return viewerFor(user)
}

describe('a run ends after 7 consecutive days in RUNNING', () => {
  test('stopped as by the user, with its data saved and the reason RUN_LIMIT', async () => {
    w.control()
    const id = await running()
    const { startedAt, stopsAt } = await row(id)
    expect((stopsAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0)).toBe(RUN_LIMIT_SECONDS * 1000)
    await advanceTo(id, 0)
    expect(await w.until(id, isSettled)).toMatchObject({
      state: 'STOPPED',
      reason: 'RUN_LIMIT',
      message: 'The run reached its time limit.',
      stopsAt: null,
    })
    expect(await w.transitions(id)).toContain('SAVING_WORKSPACE')
    expect(await w.periods(id)).toMatchObject([{ minutes: 7 * 24 * 60 + 1, endSource: 'TRANSACTION' }])
    await w.expectNothingLeft()
  })

  test('or after its own maxRunSeconds', async () => {
    w.control()
    const id = await running({ maxRunSeconds: HOUR })
    await advanceTo(id, 0)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'RUN_LIMIT' })
    expect(await w.periods(id)).toMatchObject([{ minutes: 61 }])
  })

  test('with autoRestart it restarts as is: its reservation kept, no data copied, and a new 7 days begin', async () => {
    w.control()
    const id = await running({ autoRestart: true })
    const before = await row(id)
    const syncs = await w.database.dataSync.count()
    await advanceTo(id, 0)
    const after = await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
    expect((await w.transitions(id)).slice(-5)).toEqual([
      'STOPPING/STOPPING_CONTAINER',
      'STARTING/ALLOCATING',
      'PULLING_IMAGE',
      'STARTING_CONTAINER',
      'RUNNING',
    ])
    expect(await w.database.dataSync.count()).toBe(syncs)
    expect(after).toMatchObject({ heldMilliCpus: before.heldMilliCpus, nodeId: before.nodeId })
    expect((after.stopsAt?.getTime() ?? 0) - (after.startedAt?.getTime() ?? 0)).toBe(RUN_LIMIT_SECONDS * 1000)
    const left = await w.database.event.findFirstOrThrow({
      where: { notebookId: id, type: 'StateChanged', payload: { path: ['to'], equals: 'STOPPING' } },
    })
    expect(left.payload).toMatchObject({
      reason: 'RUN_LIMIT',
      message: 'The run reached its time limit; the notebook restarts.',
    })
    const [first, second] = await w.periods(id)
    expect(first?.endedAt?.getTime()).toBeLessThanOrEqual(second?.startedAt.getTime() ?? 0)
  })

  test.each([true, false])(
    'autoRestart can be changed at any time: %s counts when the limit is reached',
    async (to) => {
      w.control()
      const id = await running({ autoRestart: !to })
      await updateNotebook(w, await owner(), { notebookId: encodeId('Notebook', id), autoRestart: to })
      await advanceTo(id, 0)
      if (to) await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
      else expect(await w.until(id, isSettled)).toMatchObject({ reason: 'RUN_LIMIT' })
    },
  )
})

describe('a control plane that was down over the deadline acts at boot', () => {
  test('and the bill shows that the container ran on until it was stopped', async () => {
    const first = w.control()
    const id = await running({ maxRunSeconds: HOUR })
    await first.stop()
    await w.clock.advance(3 * HOUR)
    w.control()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'RUN_LIMIT' })
    expect(await w.periods(id)).toMatchObject([{ minutes: 181, endSource: 'TRANSACTION' }])
    expect(await warnings(id)).toEqual([])
  })

  test('a container that ended meanwhile is billed until its real end, which is also the reason', async () => {
    const first = w.control()
    const id = await running({ maxRunSeconds: HOUR })
    await first.stop()
    await w.clock.advance(90 * MINUTE)
    w.daemon.end(await w.containerOf(id), { code: 0, oomKilled: false })
    await w.clock.advance(90 * MINUTE)
    w.control()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'EXITED' })
    expect(await w.periods(id)).toMatchObject([{ minutes: 91, endSource: 'ENGINE' }])
  })
})

describe('warnings 24 h, 1 h and 5 min ahead', () => {
  test('each once, with the code RUN_LIMIT_NEAR and the deadline, also across restarts of the control plane', async () => {
    let controller = w.control()
    const id = await running()
    const { stopsAt } = await row(id)
    for (const [index, ahead] of [DAY, HOUR, 5 * MINUTE].entries()) {
      await advanceTo(id, ahead)
      await untilWarned(id, index + 1)
      await controller.stop()
      controller = w.control()
      w.control()
    }
    await advanceTo(id, 0)
    await w.until(id, isSettled)
    expect(await warned(id)).toEqual(['24 hours', '1 hour', '5 minutes'])
    for (const warning of await warnings(id))
      expect(warning).toMatchObject({ code: 'RUN_LIMIT_NEAR', dueAt: stopsAt?.toISOString() })
  })

  test('only those that lie within the run', async () => {
    w.control()
    const id = await running({ maxRunSeconds: 30 * MINUTE })
    await advanceTo(id, 5 * MINUTE)
    await untilWarned(id, 1)
    await advanceTo(id, 0)
    await w.until(id, isSettled)
    expect(await warned(id)).toEqual(['5 minutes'])
  })

  test('of those that a control plane was down over, the nearest', async () => {
    const first = w.control()
    const id = await running()
    await first.stop()
    await advanceTo(id, 40 * MINUTE)
    w.control()
    await untilWarned(id, 1)
    await advanceTo(id, 0)
    await w.until(id, isSettled)
    expect(await warned(id)).toEqual(['40 minutes'])
  })

  test('with autoRestart they say that it will restart, and the next run has its own', async () => {
    w.control()
    const id = await running({ autoRestart: true, maxRunSeconds: 30 * MINUTE })
    await advanceTo(id, 5 * MINUTE)
    await untilWarned(id, 1)
    expect((await warnings(id))[0]?.message).toMatch(/will then restart/)
    await advanceTo(id, 0)
    await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
    await advanceTo(id, 5 * MINUTE)
    await untilWarned(id, 2)
  })

  test('are found by when they are due: nobody looks at the notebook before', async () => {
    // Checkpoints of its workspace are due all the time.
    w.parts.checkpointSeconds = 30 * DAY
    w.control()
    const id = await running()
    const { stopsAt } = await row(id)
    const ahead = (seconds: number) => new Date((stopsAt?.getTime() ?? 0) - seconds * 1000)
    await w.untilQuietly(id, ({ dueAt, leaseOwner }) => !leaseOwner && dueAt?.getTime() === ahead(DAY).getTime())
    await advanceTo(id, DAY)
    await w.untilQuietly(id, ({ dueAt, leaseOwner }) => !leaseOwner && dueAt?.getTime() === ahead(HOUR).getTime())
    await advanceTo(id, 5 * MINUTE)
    await w.untilQuietly(id, ({ dueAt, leaseOwner }) => !leaseOwner && dueAt?.getTime() === stopsAt?.getTime())
  })
})

describe('extendNotebook moves the deadline of the present run', () => {
  test('the run goes on beyond the old one, and is warned of anew', async () => {
    w.control()
    const id = await running({ maxRunSeconds: 30 * MINUTE })
    await advanceTo(id, 5 * MINUTE)
    await untilWarned(id, 1)
    const input = { notebookId: encodeId('Notebook', id), seconds: 2 * HOUR }
    const { startedAt, stopsAt } = await extendNotebook(w, await owner(), input)
    expect((stopsAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0)).toBe(150 * MINUTE * 1000)
    for (const [index, ahead] of [HOUR, 5 * MINUTE].entries()) {
      await advanceTo(id, ahead)
      await untilWarned(id, index + 2)
    }
    await advanceTo(id, 0)
    expect(await w.until(id, isSettled)).toMatchObject({ reason: 'RUN_LIMIT' })
    expect(await warned(id)).toEqual(['5 minutes', '1 hour', '5 minutes'])
    expect(await w.periods(id)).toMatchObject([{ minutes: 151 }])
  })

  test('up to 28 days after the run began', async () => {
    w.control()
    const id = await running()
    const viewer = await owner()
    const notebookId = encodeId('Notebook', id)
    await extendNotebook(w, viewer, { notebookId, seconds: 21 * DAY })
    await expect(extendNotebook(w, viewer, { notebookId, seconds: 1 })).rejects.toThrow(
      'a run ends 28 days after it began',
    )
    await w.clock.advance(20 * DAY)
    await advanceTo(id, 0)
    expect(await w.until(id, isSettled)).toMatchObject({ reason: 'RUN_LIMIT' })
    expect(await w.periods(id)).toMatchObject([{ minutes: 28 * 24 * 60 + 1 }])
  })
})

test('a shorter maxRunSeconds that lies in the past already stops the run at once', async () => {
  w.control()
  const id = await running()
  await w.clock.advance(2 * HOUR)
  await updateNotebook(w, await owner(), { notebookId: encodeId('Notebook', id), maxRunSeconds: HOUR })
  expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'RUN_LIMIT' })
  expect(await w.periods(id)).toMatchObject([{ minutes: 121 }])
})
