/** What a user may wish of the data of a running notebook, and what the wish leaves on record for the reconciler. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { decodeId, encodeId } from '../../src/domain/ids.ts'
import { CANCEL_SYNC, CREATE, RESTART, RETRY, type Result, SAVE_WORKSPACE, SMALL, SYNC_DATA } from './documents.ts'
import { NODE, type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let id: string
/** Ids of its volumes, by permission. */
let volumes: Record<'RO' | 'RW' | 'RWD', string>

beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

beforeEach(async () => {
  const tenant = await w.tenant()
  owner = tenant.owner
  const dataStoreId = await w.dataStore(tenant.projectId)
  const volume = (permission: string) => ({
    mountPath: `/workspace/${permission.toLowerCase()}`,
    bucket: { dataStoreId, bucket: 'data', prefix: permission },
    permission,
  })
  const input = { projectId: tenant.projectId, ...SMALL, volumes: ['RO', 'RW', 'RWD'].map(volume) }
  id = (await w.as(owner)<Result>(CREATE, { input })).data.result.id
  const rows = await w.database.volume.findMany({ where: { notebookId: uuidOf(id) } })
  volumes = Object.fromEntries(rows.map((row) => [row.permission, encodeId('Volume', row.id)])) as typeof volumes
})

async function ask(mutation: string, input: object): Promise<Result['result']> {
  const { data, errors } = await w.as(owner)<Result>(mutation, { input })
  expect(errors).toEqual([])
  return data.result
}
const sync = (input: object) => ask(SYNC_DATA, { notebookId: id, ...input })
const wished = async (input: object) => (await sync(input)).syncs.map(({ volume }) => volume?.mountPath ?? null)
const rows = () => w.database.dataSync.findMany({ where: { notebookId: uuidOf(id) }, orderBy: { createdAt: 'asc' } })

/** As if a mover carried everything that is wished so far. */
async function carry(): Promise<void> {
  const operations = new Set((await rows()).map(({ operation }) => operation))
  for (const operation of operations) {
    const container = {
      id: randomUUID(),
      notebookId: uuidOf(id),
      role: 'MOVER',
      purpose: 'PUSH',
      nodeId: NODE,
    } as const
    await w.database.container.create({ data: { ...container, generation: Date.now() % 1e9, operation } })
  }
  await w.database.dataSync.updateMany({ where: { notebookId: uuidOf(id) }, data: { state: 'RUNNING' } })
}

describe('a sync on demand', () => {
  test('moves all that can be moved that way, or what is named, and wakes the reconciler', async () => {
    await w.run(id)
    await w.database.notebook.update({ where: { id: uuidOf(id) }, data: { dueAt: null } })
    expect(await wished({ direction: 'PUSH' })).toEqual([null, '/workspace/rw', '/workspace/rwd'])
    expect(await wished({ direction: 'PULL' })).toEqual(['/workspace/ro', '/workspace/rw', '/workspace/rwd'])
    expect(await wished({ direction: 'PUSH', target: 'WORKSPACE' })).toEqual([null])
    expect(await wished({ direction: 'PULL', volumeId: volumes.RO })).toEqual(['/workspace/ro'])
    expect(await wished({ direction: 'PUSH', target: 'VOLUME', volumeId: volumes.RW })).toEqual(['/workspace/rw'])
    const syncs = await rows()
    expect(new Set(syncs.map(({ operation }) => operation)).size).toBe(2)
    expect(syncs.every(({ state }) => state === 'PENDING')).toBe(true)
    const notebook = await w.database.notebook.findUnique({ where: { id: uuidOf(id) } })
    expect(notebook).toMatchObject({ state: 'RUNNING', dueAt: expect.any(Date) })
  })

  test.each([
    [{ direction: 'PULL', target: 'WORKSPACE' }, 'target', 'must not be the workspace: a pull never touches it.'],
    [{ direction: 'PUSH', target: 'VOLUME' }, 'volumeId', 'is needed: it says which volume.'],
    [{ direction: 'PUSH', volumeId: 'RO' }, 'volumeId', 'is of a read-only volume, which is never pushed.'],
    [{ direction: 'PUSH', volumeId: 'other' }, 'volumeId', 'is no volume of this notebook.'],
    [
      { direction: 'PUSH', target: 'WORKSPACE', volumeId: 'RW' },
      'volumeId',
      'is of a volume, but the target is the workspace.',
    ],
  ])('%o is a ValidationError, and nothing is wished', async (input, path, message) => {
    await w.run(id)
    const { volumeId } = input as { volumeId?: string }
    const named = volumeId ? { volumeId: (volumes as Record<string, string>)[volumeId] ?? volumeId } : {}
    expect(await sync({ ...input, ...named })).toMatchObject({
      __typename: 'ValidationError',
      fields: [{ path, message }],
    })
    expect(await rows()).toEqual([])
  })

  test('joins the one of the same target that is not over, unless it would do less than is asked', async () => {
    await w.run(id)
    const push = { direction: 'PUSH', volumeId: volumes.RWD }
    const [first] = (await sync(push)).syncs
    await carry()
    expect((await sync(push)).syncs).toMatchObject([{ id: first?.id }])
    const [confirmed] = (await sync({ ...push, confirmDeletions: true })).syncs
    expect([first?.id]).not.toContain(confirmed?.id)
    expect((await sync({ ...push, confirmDeletions: true })).syncs).toMatchObject([{ id: confirmed?.id }])
    const all = (await sync({ direction: 'PUSH' })).syncs
    expect(all.map((each) => each.id)).toContain(first?.id)
    expect((await sync({ direction: 'PULL', volumeId: volumes.RWD })).syncs[0]?.id).not.toBe(first?.id)
    await w.database.dataSync.updateMany({ data: { state: 'DONE' } })
    expect((await sync(push)).syncs[0]?.id).not.toBe(first?.id)
  })

  test('with an idempotency key is wished once, whatever became of it; another input is a ConflictError', async () => {
    await w.run(id)
    await sync({ direction: 'PUSH', volumeId: volumes.RW })
    const input = { direction: 'PUSH', idempotencyKey: 'once' }
    const first = (await sync(input)).syncs.map((each) => each.id)
    await w.database.dataSync.updateMany({ data: { state: 'DONE' } })
    expect((await sync(input)).syncs.map((each) => each.id)).toEqual(first)
    expect(await rows()).toHaveLength(3)
    expect(await sync({ direction: 'PULL', idempotencyKey: 'once' })).toMatchObject({ __typename: 'ConflictError' })
  })

  test('of a notebook that does not run, or is about to end its run, is an InvalidStateError', async () => {
    const refused = { __typename: 'InvalidStateError', allowed: ['RUNNING'] }
    expect(await sync({ direction: 'PUSH' })).toMatchObject({ ...refused, notebookState: 'STARTING' })
    await w.run(id)
    await ask(RESTART, { notebookId: id })
    expect(await sync({ direction: 'PUSH' })).toMatchObject({ ...refused, notebookState: 'RUNNING' })
    await w.stop(id)
    expect(await sync({ direction: 'PUSH' })).toMatchObject({ ...refused, notebookState: 'STOPPED' })
    expect(await rows()).toEqual([])
  })

  test('of a notebook without volumes has nothing to pull', async () => {
    const { owner: other, projectId } = await w.tenant()
    const { data } = await w.as(other)<Result>(CREATE, { input: { projectId, ...SMALL } })
    await w.run(data.result.id)
    const { data: answer } = await w.as(other)<Result>(SYNC_DATA, {
      input: { notebookId: data.result.id, direction: 'PULL' },
    })
    expect(answer.result.fields).toEqual([
      { path: 'target', message: 'has nothing to pull: the notebook has no volumes.' },
    ])
  })
})

describe('calling off', () => {
  const cancel = (syncId: string) => ask(CANCEL_SYNC, { syncId })

  test('a sync that waits is CANCELLED at once, with its event; again, it stays so', async () => {
    await w.run(id)
    const [waiting] = (await sync({ direction: 'PUSH' })).syncs
    const syncId = waiting?.id ?? ''
    expect(await cancel(syncId)).toMatchObject({
      __typename: 'DataSync',
      state: 'CANCELLED',
      endedAt: expect.any(String),
    })
    expect(await cancel(syncId)).toMatchObject({ state: 'CANCELLED' })
    const last = await w.database.event.findFirst({ where: { notebookId: uuidOf(id) }, orderBy: { seq: 'desc' } })
    expect(last).toMatchObject({ type: 'SyncProgressed', payload: { syncId: decodeId('DataSync', syncId) } })
    expect((await rows()).filter(({ state }) => state === 'PENDING')).toHaveLength(2)
  })

  test('one that a mover carries is wished, and a new one is not joined to it', async () => {
    await w.run(id)
    const [first] = (await sync({ direction: 'PULL', volumeId: volumes.RW })).syncs
    await carry()
    expect(await cancel(first?.id ?? '')).toMatchObject({ state: 'RUNNING' })
    expect(await rows()).toMatchObject([{ cancelWished: true }])
    expect((await sync({ direction: 'PULL', volumeId: volumes.RW })).syncs[0]?.id).not.toBe(first?.id)
  })

  test('one of a start or a stop is an InvalidStateError', async () => {
    const { id: uuid } = await w.database.dataSync.create({
      data: { notebookId: uuidOf(id), direction: 'PULL', operation: randomUUID() },
    })
    expect(await cancel(encodeId('DataSync', uuid))).toMatchObject({
      __typename: 'InvalidStateError',
      notebookState: 'STARTING',
      allowed: ['RUNNING'],
    })
  })
})

test('a retried save may be told to delete however much', async () => {
  await w.run(id)
  await w.database.localCopy.create({
    data: { notebookId: uuidOf(id), target: 'workspace', nodeId: NODE, engineVolume: 'v', written: true },
  })
  await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
  await w.move(id, 'FAILED', null, 'DATA_ACCESS')
  expect(await ask(RETRY, { notebookId: id, confirmDeletions: true })).toMatchObject({ state: 'STOPPING' })
  const notebook = await w.database.notebook.findUnique({ where: { id: uuidOf(id) } })
  expect(notebook).toMatchObject({ confirmDeletions: true })
})

describe('saving the workspace', () => {
  const save = (more: object = {}) => ask(SAVE_WORKSPACE, { notebookId: id, ...more })
  const copy = (target: string, changes: object = {}) =>
    w.database.localCopy.create({
      data: { notebookId: uuidOf(id), target, nodeId: NODE, engineVolume: target, written: true, ...changes },
    })

  test('of a RUNNING notebook is a push of it alone, which a second one joins, but not to a checkpoint', async () => {
    await w.run(id)
    await w.database.dataSync.create({
      data: { notebookId: uuidOf(id), direction: 'PUSH', operation: randomUUID(), isCheckpoint: true },
    })
    expect(await save()).toMatchObject({
      __typename: 'Workspace',
      lastSavedAt: null,
      lastSync: { state: 'PENDING', direction: 'PUSH', isCheckpoint: false },
    })
    await save()
    const wished = (await rows()).filter(({ isCheckpoint }) => !isCheckpoint)
    expect(wished).toMatchObject([{ volumeId: null, direction: 'PUSH', state: 'PENDING' }])
  })

  test('tells what the last try to save it left, and nothing where all is saved', async () => {
    await w.run(id)
    expect(await save()).toMatchObject({ unsavedBytes: '0' })
    await copy('workspace')
    expect(await save()).toMatchObject({ unsavedBytes: null })
    await w.database.localCopy.updateMany({ data: { unsavedBytes: 7n } })
    expect(await save()).toMatchObject({ unsavedBytes: '7' })
  })

  test('of a FAILED one tries it again, and it alone', async () => {
    await w.run(id)
    const failed = { saveError: 'refused', saveFault: 'FAILED' }
    await copy('workspace', failed)
    await copy(decodeId('Volume', volumes.RW) ?? '', failed)
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'FAILED', null, 'DATA_ACCESS')
    expect(await save()).toMatchObject({ __typename: 'Workspace' })
    const notebook = await w.database.notebook.findUnique({ where: { id: uuidOf(id) } })
    expect(notebook).toMatchObject({ state: 'STOPPING', phase: 'SAVING_WORKSPACE' })
    const copies = await w.database.localCopy.findMany({ where: { notebookId: uuidOf(id) } })
    const errors = Object.fromEntries(copies.map(({ target, saveError }) => [target, saveError]))
    expect(errors).toMatchObject({ workspace: null, [decodeId('Volume', volumes.RW) ?? '']: 'refused' })
  })

  test('is an InvalidStateError where it is saved, or cannot be', async () => {
    const refused = { __typename: 'InvalidStateError', allowed: ['RUNNING', 'FAILED', 'ERROR'] }
    expect(await save()).toMatchObject({ ...refused, state: 'STARTING' })
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'FAILED', null, 'DATA_ACCESS')
    expect(await save()).toMatchObject({ ...refused, message: 'The workspace has no unsaved data.' })
  })
})
