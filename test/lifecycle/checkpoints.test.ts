/** While a notebook runs its workspace is saved every five minutes, quietly, and never in the way of anything. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeId } from '../../src/domain/ids.ts'
import { CHECKPOINT_SECONDS } from '../../src/domain/lifecycle.ts'
import { moverThat, type OutcomeOf } from '../../src/engine/fake/programs.ts'
import type { Plan } from '../../src/mover/protocol.ts'
import { saveWorkspace } from '../../src/usecases/save-workspace.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { isSettled, stop, type World, world } from './world.ts'

let w: World
/** What movers were told since the notebook runs. */
let plans: Plan[]
beforeEach(async () => {
  w = await world()
  plans = []
})
afterEach(() => w[Symbol.asyncDispose]())

/** Movers whose push of the workspace ends as told. */
function moversThat(outcomeOf: OutcomeOf): void {
  w.daemon.programs.mover = moverThat((target, plan, report) => {
    plans.push(plan)
    return outcomeOf(target, plan, report)
  })
}

const carried = { filesDone: 1, filesTotal: 1, bytesDone: 5, bytesTotal: 5 }
const refused = { state: 'failed', error: { kind: 'store', message: 'The store is away.' } } as const

async function running(outcomeOf: OutcomeOf = () => carried): Promise<string> {
  w.control()
  const id = await w.running(['RW'])
  moversThat(outcomeOf)
  return id
}

const checkpoints = (id: string) =>
  w.database.dataSync.findMany({ where: { notebookId: id, isCheckpoint: true }, orderBy: { createdAt: 'asc' } })
const row = (id: string) => w.database.notebook.findUniqueOrThrow({ where: { id } })
const workspace = (id: string) =>
  w.database.localCopy.findUniqueOrThrow({ where: { notebookId_target: { notebookId: id, target: 'workspace' } } })

/** Time goes by until it is saved again; resolves when that is over and cleared away. */
async function pass(): Promise<void> {
  const count = plans.length
  await w.clock.advance(CHECKPOINT_SECONDS)
  await w.untilTrue(async () => (await w.database.container.count()) === 1 && plans.length > count)
}

const eventsSince = async (id: string, seq: bigint) =>
  (await w.database.event.findMany({ where: { notebookId: id, seq: { gt: seq } }, orderBy: { seq: 'asc' } })).map(
    ({ type, payload }) => (payload as { code?: string }).code ?? type,
  )

test('every five minutes the workspace is pushed, and nothing else; the state stays, and what was saved is told', async () => {
  const id = await running()
  const before = await row(id)
  await pass()
  await pass()
  expect(plans.map(({ direction, targets }) => [direction, ...targets.map((target) => target.id)])).toEqual([
    ['push', 'workspace'],
    ['push', 'workspace'],
  ])
  expect(await checkpoints(id)).toMatchObject([
    { state: 'DONE', bytesDone: 5n },
    { state: 'DONE', bytesDone: 5n },
  ])
  expect(await row(id)).toMatchObject({ state: 'RUNNING', phase: null, startedAt: before.startedAt })
  expect(await eventsSince(id, before.eventSeq)).toEqual(['SyncProgressed', 'SyncProgressed'])
  expect(await workspace(id)).toMatchObject({ written: true, savedAt: expect.any(Date), unsavedBytes: 0n })
})

test('one that finds nothing to carry is no event, and only the newest of those is kept', async () => {
  const id = await running(() => ({}))
  const { eventSeq } = await row(id)
  for (let time = 0; time < 3; time += 1) await pass()
  expect(await eventsSince(id, eventSeq)).toEqual([])
  const [only, ...others] = await checkpoints(id)
  expect(others).toEqual([])
  expect((await workspace(id)).savedAt).toEqual(only?.endedAt)
})

test('one that fails warns once, until one succeeds again; what it left is counted', async () => {
  let outcome: ReturnType<OutcomeOf> = { ...refused, filesTotal: 3, bytesTotal: 9, filesDone: 1, bytesDone: 4 }
  const id = await running(() => outcome)
  const { eventSeq } = await row(id)
  await pass()
  expect(await workspace(id)).toMatchObject({ written: true, saveError: null, unsavedFiles: 2, unsavedBytes: 5n })
  outcome = refused
  await pass()
  outcome = {}
  await pass()
  expect(await workspace(id)).toMatchObject({ checkpointError: null, unsavedBytes: 0n })
  outcome = refused
  await pass()
  const told = await eventsSince(id, eventSeq)
  expect(told.filter((what) => what === 'CHECKPOINT_FAILED')).toHaveLength(2)
  const event = await w.database.event.findFirstOrThrow({ where: { type: 'NotebookWarned' } })
  expect(event.payload).toMatchObject({
    message: 'The workspace could not be saved while the notebook runs; it is tried again. The store is away.',
  })
  expect(await row(id)).toMatchObject({ state: 'RUNNING', attempts: 0 })
})

test('a mover that is killed is a checkpoint that failed, and the next one comes in its time', async () => {
  const id = await running(() => Promise.withResolvers<object>().promise)
  await w.clock.advance(CHECKPOINT_SECONDS)
  await w.untilTrue(async () => (await w.database.container.count()) > 1 && plans.length > 0)
  moversThat(() => carried)
  for (const container of w.containers()) if (container.spec.identity.role === 'mover') container.kill()
  await w.untilTrue(async () => (await w.database.container.count()) === 1)
  expect(await workspace(id)).toMatchObject({ checkpointError: 'The data mover ended without a result.' })
  await pass()
  expect(await workspace(id)).toMatchObject({ checkpointError: null })
})

test('a stop waits for none: it is cancelled, and the save at the end does all', async () => {
  const id = await running(() => Promise.withResolvers<object>().promise)
  await w.clock.advance(CHECKPOINT_SECONDS)
  await w.untilTrue(async () => (await w.database.container.count()) > 1 && plans.length > 0)
  moversThat(() => carried)
  await w.wish(id, stop)
  expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', checkpointAt: null })
  expect(await checkpoints(id)).toMatchObject([{ state: 'CANCELLED' }])
  await w.expectNothingLeft()
  await w.clock.advance(CHECKPOINT_SECONDS)
  expect(await row(id)).toMatchObject({ state: 'STOPPED' })
})

test('a save that the user wished puts the next checkpoint off', async () => {
  const id = await running()
  const project = { projectId: w.project.id, role: 'OWNER' } as const
  const user = await w.database.user.create({ data: { name: randomUUID(), members: { create: project } } })
  const viewer = viewerFor(user)
  await w.clock.hold()
  await w.clock.advance(CHECKPOINT_SECONDS - 1)
  await saveWorkspace(w, viewer, { notebookId: encodeId('Notebook', id) })
  await w.untilTrue(async () => (await w.database.container.count()) === 1 && plans.length > 0)
  const { checkpointAt } = await row(id)
  expect(checkpointAt?.getTime()).toBe(w.clock.now().getTime() + CHECKPOINT_SECONDS * 1000)
  expect(await checkpoints(id)).toEqual([])
  expect(await workspace(id)).toMatchObject({ written: true, savedAt: w.clock.now() })
})
