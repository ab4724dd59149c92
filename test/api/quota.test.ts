/** The quota holds however many ask at once: through the use cases themselves, on one database. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { QuotaExceededError } from '../../src/domain/errors.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { createNotebook } from '../../src/usecases/create-notebook.ts'
import { startNotebook } from '../../src/usecases/notebooks.ts'
import { CREATE, type Result, SET_QUOTA } from './documents.ts'
import { type World, world } from './world.ts'

const SMALL = { editor: 'jupyterlab', framework: 'python', flavor: 'ai1-1-cpu' }
const AT_ONCE = 50
const LIMIT = 3

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

async function tenant(notebooks = 0) {
  const { owner, projectId, projectUuid } = await w.tenant()
  await w.database.project.update({ where: { id: projectUuid }, data: { maxVcpus: LIMIT } })
  const row = {
    ...SMALL,
    projectId: projectUuid,
    name: 'n',
    frameworkVersion: '3.13',
    units: 1,
    state: 'STOPPED' as const,
  }
  const rows = await w.database.notebook.createManyAndReturn({ data: Array.from({ length: notebooks }, () => row) })
  return { viewer: owner.viewer, projectId, projectUuid, ids: rows.map(({ id }) => id) }
}

/** How many were done; every other was refused with what the limit is, what is used, and what was asked for. */
async function done(calls: Promise<unknown>[]): Promise<number> {
  const outcomes = await Promise.allSettled(calls)
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as unknown)
  for (const refusal of refusals) {
    expect(refusal).toBeInstanceOf(QuotaExceededError)
    expect(refusal).toMatchObject({ limit: LIMIT, used: LIMIT, requested: 1 })
  }
  return outcomes.length - refusals.length
}

/** vCPUs held, as the database has it. */
async function held(projectId: string): Promise<number> {
  const { _sum } = await w.database.notebook.aggregate({ where: { projectId }, _sum: { heldMilliCpus: true } })
  return (_sum.heldMilliCpus ?? 0) / 1000
}

test('50 simultaneous createNotebook on a quota of 3 give exactly 3 notebooks and 47 QuotaExceededErrors', async () => {
  const { viewer, projectId, projectUuid } = await tenant()
  const calls = Array.from({ length: AT_ONCE }, () => createNotebook(w.parts, viewer, { projectId, ...SMALL }))
  expect(await done(calls)).toBe(LIMIT)
  expect(await w.database.notebook.count({ where: { projectId: projectUuid } })).toBe(LIMIT)
  expect(await held(projectUuid)).toBe(LIMIT)
})

test('50 simultaneous startNotebook on a quota of 3 give exactly 3 starts and 47 QuotaExceededErrors', async () => {
  const { viewer, projectUuid, ids } = await tenant(AT_ONCE)
  const calls = ids.map((id) => startNotebook(w.parts, viewer, { notebookId: encodeId('Notebook', id) }))
  expect(await done(calls)).toBe(LIMIT)
  const starting = { projectId: projectUuid, state: 'STARTING' as const, phase: 'QUEUED' as const }
  expect(await w.database.notebook.count({ where: starting })).toBe(LIMIT)
  expect(await held(projectUuid)).toBe(LIMIT)
})

test('the quota holds at every moment while notebooks start and end all the time, and is used to the full after it', async () => {
  const { viewer, projectUuid, ids } = await tenant(8)
  const start = (id: string) => startNotebook(w.parts, viewer, { notebookId: encodeId('Notebook', id) })
  const most: number[] = []
  await Promise.all(
    ids.map(async (id) => {
      for (let round = 0; round < 5; round += 1) {
        const [outcome] = await Promise.allSettled([start(id)])
        most.push(await held(projectUuid))
        if (outcome?.status === 'rejected') expect(outcome.reason).toBeInstanceOf(QuotaExceededError)
        else await end(id)
      }
    }),
  )
  expect(Math.max(...most)).toBeLessThanOrEqual(LIMIT)
  expect(Math.max(...most)).toBeGreaterThan(0)
  expect(await held(projectUuid)).toBe(0)
  expect(await done(ids.map(start))).toBe(LIMIT)
})

test('who looks after the installation sets a project’s quota, also where they are no member; its owner cannot', async () => {
  const { owner, projectId, projectUuid } = await w.tenant()
  const operator = await w.user()
  const set = async (user: typeof owner, limits: object) =>
    (await w.as(user)<Result>(SET_QUOTA, { input: { projectId, ...limits } })).data.result
  expect(await set(owner, { vcpus: 100 })).toMatchObject({ __typename: 'ForbiddenError' })
  expect(await set(operator, { vcpus: 1 })).toMatchObject({ __typename: 'NotFoundError' })
  await w.database.user.update({ where: { id: operator.id }, data: { isOperator: true } })
  expect(await set(operator, { vcpus: 1 })).toEqual({
    __typename: 'Quota',
    gpus: { limit: 4, used: 0 },
    vcpus: { limit: 1, used: 0 },
  })
  const create = async () => (await w.as(owner)<Result>(CREATE, { input: { projectId, ...SMALL } })).data.result
  expect(await create()).toMatchObject({ __typename: 'Notebook' })
  expect(await create()).toMatchObject({
    __typename: 'QuotaExceededError',
    message: expect.stringContaining('1 vCPUs'),
  })
  expect(await set(operator, { gpus: 0, vcpus: 0 })).toMatchObject({ gpus: { limit: 0 }, vcpus: { limit: 0, used: 1 } })
  expect(await held(projectUuid)).toBe(1)
  expect(await set(operator, { gpus: -1, vcpus: 1_000_001 })).toMatchObject({
    __typename: 'ValidationError',
    fields: [{ path: 'gpus' }, { path: 'vcpus' }],
  })
})

/** As the reconciler leaves one whose container's end was observed. */
async function end(id: string): Promise<void> {
  const data = { state: 'STOPPED', phase: null, heldMilliCpus: 0, heldMemoryBytes: 0n } as const
  await w.database.notebook.update({ where: { id }, data })
}
