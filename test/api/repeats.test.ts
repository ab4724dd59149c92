/** Idempotency keys and quotas hold, also when everything comes at the same time. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CREATE, type Result, SMALL, START, STOP } from './documents.ts'
import { type User, uuidOf, type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

const ask = async (user: User, mutation: string, input: object) =>
  (await w.as(user)<Result>(mutation, { input })).data.result

const kinds = (results: readonly Result['result'][]) =>
  Object.fromEntries(
    Map.groupBy(results, ({ __typename }) => __typename)
      .entries()
      .map(([kind, { length }]) => [kind, length]),
  )

test('50 simultaneous repeats of a creation make one notebook and all answer it', async () => {
  const { owner, projectId, projectUuid } = await w.tenant()
  const input = { projectId, ...SMALL, idempotencyKey: 'once' }
  const results = await Promise.all(Array.from({ length: 50 }, () => ask(owner, CREATE, input)))
  expect(kinds(results)).toEqual({ Notebook: 50 })
  expect(new Set(results.map(({ id }) => id)).size).toBe(1)
  expect(await w.database.notebook.count({ where: { projectId: projectUuid } })).toBe(1)
  expect(await w.database.event.count({ where: { projectId: projectUuid } })).toBe(1)
})

test('50 simultaneous repeats of a start start once', async () => {
  const { owner, projectId } = await w.tenant()
  const { id: notebookId } = await ask(owner, CREATE, { projectId, ...SMALL })
  await w.run(notebookId)
  await w.stop(notebookId)
  const input = { notebookId, idempotencyKey: 'start' }
  const results = await Promise.all(Array.from({ length: 50 }, () => ask(owner, START, input)))
  expect(kinds(results)).toEqual({ Notebook: 50 })
  const starts = { notebookId: uuidOf(notebookId), payload: { path: ['from'], equals: 'STOPPED' } }
  expect(await w.database.event.count({ where: starts })).toBe(1)
})

test('a key that comes with another input is a ConflictError', async () => {
  const { owner, projectId } = await w.tenant()
  const input = { projectId, ...SMALL, idempotencyKey: 'k' }
  await ask(owner, CREATE, input)
  expect(await ask(owner, CREATE, { ...input, units: 2 })).toMatchObject({
    __typename: 'ConflictError',
    code: 'CONFLICT',
  })
})

test('a key is one viewer’s and one mutation’s', async () => {
  const { owner, projectId } = await w.tenant()
  const operator = await w.join(projectId, 'OPERATOR')
  const input = { projectId, ...SMALL, idempotencyKey: 'k' }
  const mine = await ask(owner, CREATE, input)
  const theirs = await ask(operator, CREATE, input)
  expect(theirs.id).not.toBe(mine.id)
  expect((await ask(owner, STOP, { notebookId: mine.id, idempotencyKey: 'k' })).__typename).toBe('Notebook')
})

test('what was refused leaves no claim: the same key works once the reason is gone', async () => {
  const { owner, projectId, projectUuid } = await w.tenant()
  const input = { projectId, ...SMALL, units: 12, idempotencyKey: 'k' }
  await w.database.project.update({ where: { id: projectUuid }, data: { maxVcpus: 11 } })
  expect((await ask(owner, CREATE, input)).__typename).toBe('QuotaExceededError')
  await w.database.project.update({ where: { id: projectUuid }, data: { maxVcpus: 12 } })
  expect((await ask(owner, CREATE, input)).__typename).toBe('Notebook')
})

test('a key is free again after 24 hours, and must be printable', async () => {
  const { owner, projectId } = await w.tenant()
  const input = { projectId, ...SMALL, idempotencyKey: 'daily' }
  const first = await ask(owner, CREATE, input)
  await w.database.idempotencyKey.updateMany({
    where: { key: 'daily' },
    data: { createdAt: new Date(Date.now() - 24 * 3_600_000 - 1000) },
  })
  expect((await ask(owner, CREATE, input)).id).not.toBe(first.id)
  for (const idempotencyKey of ['', 'a\0b', 'x'.repeat(256)])
    expect((await ask(owner, CREATE, { ...input, idempotencyKey })).fields).toEqual([
      { path: 'idempotencyKey', message: 'must have 1 to 255 printable ASCII characters.' },
    ])
})

test('simultaneous creations never pass on the last unit of the quota', async () => {
  const { owner, projectId, projectUuid } = await w.tenant()
  const results = await Promise.all(
    Array.from({ length: 12 }, () => ask(owner, CREATE, { projectId, ...SMALL, units: 5 })),
  )
  expect(kinds(results)).toEqual({ Notebook: 4, QuotaExceededError: 8 })
  const refused = results.find(({ __typename }) => __typename === 'QuotaExceededError')
  expect(refused).toMatchObject({ limit: 24, used: 20, requested: 5, code: 'QUOTA_EXCEEDED' })
  expect(refused?.message).toBe('The project may use 24 vCPUs; 20 are in use and 5 were asked for.')
  const { _sum } = await w.database.notebook.aggregate({
    where: { projectId: projectUuid },
    _sum: { heldMilliCpus: true },
  })
  expect(_sum.heldMilliCpus).toBe(20_000)
})

test('a notebook that ended gives its units back, and a start takes them again', async () => {
  const { owner, projectId } = await w.tenant()
  const [first] = [
    await ask(owner, CREATE, { projectId, ...SMALL, units: 12 }),
    await ask(owner, CREATE, { projectId, ...SMALL, units: 12 }),
  ]
  expect((await ask(owner, CREATE, { projectId, ...SMALL })).__typename).toBe('QuotaExceededError')
  await w.run(first.id)
  await w.stop(first.id)
  expect((await ask(owner, CREATE, { projectId, ...SMALL })).__typename).toBe('Notebook')
  expect((await ask(owner, START, { notebookId: first.id })).__typename).toBe('QuotaExceededError')
  const { data } = await w.as(owner)<object>(
    'query ($id: ID!) { project(id: $id) { quota { gpus { limit used } vcpus { limit used } } } }',
    { id: projectId },
  )
  expect(data).toEqual({ project: { quota: { gpus: { limit: 4, used: 0 }, vcpus: { limit: 24, used: 13 } } } })
})

test('GPU flavors count in GPUs and leave the vCPUs alone', async () => {
  const { owner, projectId } = await w.tenant()
  await w.database.engineNode.update({
    where: { id: 'node-1' },
    data: { gpus: [0, 1, 2, 3, 4, 5, 6, 7].map((id) => ({ id: String(id), model: 'Tesla V100S 32 GiB' })) },
  })
  const gpu = { projectId, editor: 'jupyterlab', framework: 'python' }
  expect((await ask(owner, CREATE, { ...gpu, units: 3 })).__typename).toBe('Notebook')
  expect(await ask(owner, CREATE, { ...gpu, units: 2 })).toMatchObject({
    __typename: 'QuotaExceededError',
    message: 'The project may use 4 GPUs; 3 are in use and 2 were asked for.',
  })
  expect((await ask(owner, CREATE, { projectId, ...SMALL, units: 12 })).__typename).toBe('Notebook')
  await w.database.engineNode.update({ where: { id: 'node-1' }, data: { gpus: [] } })
})
