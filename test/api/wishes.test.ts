/** What a user may wish of a notebook in which state, and what the wish leaves on record for the reconciler. */
import { once } from 'node:events'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openEnvironment } from '../../src/data/environment.ts'
import { CREATE, DELETE, EXTEND, GET, RESTART, RETRY, type Result, SMALL, START, STOP, UPDATE } from './documents.ts'
import { NODE, type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let id: string

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

beforeEach(async () => {
  const tenant = await w.tenant()
  owner = tenant.owner
  const input = { projectId: tenant.projectId, ...SMALL, labels: [{ name: 'team', value: 'water' }] }
  const { data } = await w.as(owner)<Result>(CREATE, { input })
  id = data.result.id
})

async function ask(mutation: string, input: object = {}): Promise<Result['result']> {
  const { data, errors } = await w.as(owner)<Result>(mutation, { input: { notebookId: id, ...input } })
  expect(errors).toEqual([])
  return data.result
}

const row = () => w.database.notebook.findUniqueOrThrow({ where: { id: uuidOf(id) } })

/** As if the reconciler had nothing more to do with it. */
const calm = () => w.database.notebook.update({ where: { id: uuidOf(id) }, data: { dueAt: null } })

const copy = (written: boolean, changes: object = {}) =>
  w.database.localCopy.create({
    data: { notebookId: uuidOf(id), target: 'workspace', nodeId: NODE, engineVolume: 'v', written, ...changes },
  })

const copies = () => w.database.localCopy.findMany({ where: { notebookId: uuidOf(id) } })

const eventTypes = async () =>
  (await w.database.event.findMany({ where: { notebookId: uuidOf(id) }, orderBy: { seq: 'asc' } })).map(
    ({ type, payload }) => ({ type, ...(payload as object) }),
  )

describe('start', () => {
  test('takes a settled notebook to STARTING, QUEUED at once, with its event, and wakes the reconciler', async () => {
    await w.run(id)
    await w.stop(id)
    await w.change(id, { set: { exitCode: 0, oomKilled: false, stoppedAt: new Date(), restartWished: true } })
    await calm()
    const listener = new pg.Client({ connectionString: w.url })
    await listener.connect()
    await listener.query('LISTEN cahier_wishes')
    const rung = once(listener, 'notification')

    expect(await ask(START)).toMatchObject({ __typename: 'Notebook', state: 'STARTING', phase: 'QUEUED' })
    expect((await rung)[0].payload).toBe(uuidOf(id))
    await listener.end()
    expect(await row()).toMatchObject({
      desired: 'RUNNING',
      restartWished: false,
      heldMilliCpus: 1000,
      startedAt: null,
      stoppedAt: null,
      exitCode: null,
      oomKilled: null,
      dueAt: expect.any(Date),
    })
    expect((await eventTypes()).at(-1)).toMatchObject({ type: 'StateChanged', from: 'STOPPED', to: 'STARTING' })
  })

  test('of a RUNNING notebook is an InvalidStateError with the states in which it could', async () => {
    await w.run(id)
    expect(await ask(START)).toMatchObject({
      __typename: 'InvalidStateError',
      code: 'INVALID_STATE',
      message: 'The notebook is RUNNING; it can only be started in STOPPED, FAILED or ERROR.',
      state: 'RUNNING',
      allowed: ['STOPPED', 'FAILED', 'ERROR'],
    })
    expect((await ask(START, {})).__typename).toBe('InvalidStateError')
  })

  test('of a flavor that is not offered any more is refused', async () => {
    await w.run(id)
    await w.stop(id)
    await w.change(id, { set: { flavor: 'retired' } })
    expect(await ask(START)).toMatchObject({ __typename: 'FlavorUnavailableError' })
    const { data } = await w.as(owner)<{ notebook: object }>(
      'query ($id: ID!) { notebook(id: $id) { flavor { id maxUnits available } } }',
      { id },
    )
    expect(data.notebook).toEqual({ flavor: { id: 'retired', maxUnits: 0, available: false } })
  })
})

describe('stop', () => {
  test.each(['STARTING', 'RUNNING'])('of a %s notebook is a wish that the reconciler carries out', async (state) => {
    if (state === 'RUNNING') await w.run(id)
    await calm()
    expect(await ask(STOP)).toMatchObject({ state })
    expect(await row()).toMatchObject({ desired: 'STOPPED', desiredReason: 'USER', dueAt: expect.any(Date) })
  })

  test('of a STOPPING notebook is accepted and takes back a wished restart', async () => {
    await w.run(id)
    await ask(RESTART)
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    expect(await ask(STOP)).toMatchObject({ state: 'STOPPING' })
    expect(await row()).toMatchObject({ desired: 'STOPPED', restartWished: false })
  })

  test('does not take back a wished deletion', async () => {
    await ask(DELETE, { force: true })
    expect(await ask(STOP)).toMatchObject({ __typename: 'Notebook' })
    expect(await row()).toMatchObject({ desired: 'DELETED' })
  })

  test('of a STOPPED notebook is refused', async () => {
    await w.run(id)
    await w.stop(id)
    expect(await ask(STOP)).toMatchObject({ __typename: 'InvalidStateError', state: 'STOPPED' })
  })
})

describe('restart', () => {
  test('is a wish of a RUNNING notebook only', async () => {
    expect(await ask(RESTART)).toMatchObject({ __typename: 'InvalidStateError', allowed: ['RUNNING'] })
    await w.run(id)
    expect(await ask(RESTART)).toMatchObject({ state: 'RUNNING' })
    expect(await row()).toMatchObject({ restartWished: true, desired: 'RUNNING' })
  })

  test('is refused once a stop is wished', async () => {
    await w.run(id)
    await ask(STOP)
    expect(await ask(RESTART)).toMatchObject({ message: 'The notebook is about to stop and cannot be restarted.' })
  })
})

describe('delete', () => {
  test('of a RUNNING notebook is an InvalidStateError', async () => {
    await w.run(id)
    expect(await ask(DELETE)).toMatchObject({
      __typename: 'InvalidStateError',
      message: 'The notebook is RUNNING; it can only be deleted without force in STOPPED, FAILED or ERROR.',
    })
    expect(await row()).toMatchObject({ desired: 'RUNNING' })
  })

  test('with force of a RUNNING notebook is a wish that stops and saves first', async () => {
    await w.run(id)
    expect(await ask(DELETE, { force: true })).toMatchObject({ state: 'RUNNING' })
    expect(await row()).toMatchObject({ desired: 'DELETED', desiredReason: 'USER' })
  })

  test('of a STOPPED notebook takes it to DELETING, again is accepted, and then it is gone from lists and by id', async () => {
    await w.run(id)
    await w.stop(id)
    expect(await ask(DELETE)).toMatchObject({ state: 'DELETING', phase: 'REMOVING', reason: 'USER' })
    expect(await ask(DELETE)).toMatchObject({ state: 'DELETING' })
    await w.change(id, { set: { deletedAt: new Date() }, events: [{ type: 'NotebookDeleted' }] })
    expect((await w.as(owner)<{ notebook: null }>(GET, { id })).data.notebook).toBeNull()
    const { data } = await w.as(owner)<{ projects: object }>(
      '{ projects { edges { node { notebooks { edges { node { id } } } } } } }',
    )
    expect(JSON.stringify(data)).not.toContain(id)
    expect((await ask(DELETE)).__typename).toBe('NotFoundError')
  })

  test('with unsaved data is refused, with force too', async () => {
    await w.run(id)
    await copy(true)
    await w.stop(id)
    for (const force of [false, true])
      expect(await ask(DELETE, { force })).toMatchObject({
        __typename: 'InvalidStateError',
        message: expect.stringContaining(
          'not saved yet: save it with retryNotebookSync, or give it up with discardUnsaved',
        ),
      })
    expect((await row()).state).toBe('STOPPED')
  })

  test('with unsaved data is accepted when it is given up in so many words', async () => {
    await w.run(id)
    await copy(true, { saveError: 'refused', saveFault: 'FAILED' })
    await w.stop(id)
    expect(await ask(DELETE, { discardUnsaved: true })).toMatchObject({ state: 'DELETING', phase: 'REMOVING' })
    expect(await copies()).toMatchObject([{ written: false, saveError: null }])
  })
})

describe('giving up what could not be saved', () => {
  test('takes a FAILED notebook to where its copies are removed', async () => {
    await w.run(id)
    await copy(true, { saveError: 'refused', saveFault: 'FAILED' })
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'FAILED', null, 'DATA_ACCESS')
    expect(await ask(STOP, { discardUnsaved: true })).toMatchObject({ state: 'STOPPING' })
    expect(await row()).toMatchObject({ desired: 'STOPPED', endState: 'STOPPED' })
    expect(await copies()).toMatchObject([{ written: false, saveError: null }])
  })

  test('is refused while it runs, and with nothing unsaved', async () => {
    await w.run(id)
    await copy(true)
    expect((await ask(STOP, { discardUnsaved: true })).message).toContain('it can only be discarded in FAILED or ERROR')
    expect(await copies()).toMatchObject([{ written: true }])
  })
})

describe('retry of a save', () => {
  test('takes a FAILED notebook with unsaved data back to saving, and forgets why it failed', async () => {
    await w.run(id)
    await copy(true, { saveError: 'refused', saveFault: 'FAILED', unsavedFiles: 2, unsavedBytes: 7n })
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'FAILED', null, 'DATA_ACCESS')
    const unsaved = 'query ($id: ID!) { notebook(id: $id) { unsaved { volume { id } node files bytes problem } } }'
    expect((await w.as(owner)<object>(unsaved, { id })).data).toEqual({
      notebook: { unsaved: [{ volume: null, node: NODE, files: 2, bytes: '7', problem: 'refused' }] },
    })

    expect(await ask(RETRY)).toMatchObject({ state: 'STOPPING', phase: 'SAVING_WORKSPACE' })
    expect(await row()).toMatchObject({ desired: 'STOPPED', endState: 'STOPPED', endReason: 'USER' })
    expect((await w.as(owner)<object>(unsaved, { id })).data).toEqual({
      notebook: { unsaved: [{ volume: null, node: NODE, files: 2, bytes: '7', problem: null }] },
    })
  })

  test('is refused with nothing unsaved, and in other states', async () => {
    expect((await ask(RETRY)).message).toContain('it can only be saved again in FAILED or ERROR')
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'ERROR', null, 'PLATFORM')
    await copy(false)
    expect(await ask(RETRY)).toMatchObject({ message: 'The notebook has no unsaved data.' })
  })
})

describe('update', () => {
  const get = async () => (await w.as(owner)<{ notebook: object }>(GET, { id })).data.notebook

  test('changes what is named and leaves the rest, in any state', async () => {
    await w.run(id)
    await ask(UPDATE, { name: 'Tides', autoRestart: true })
    expect(await get()).toMatchObject({
      name: 'Tides',
      autoRestart: true,
      publicAccess: false,
      labels: [{ name: 'team', value: 'water' }],
    })
    await ask(UPDATE, { name: null, labels: [], publicAccess: true, autoRestart: null })
    expect(await get()).toMatchObject({ name: 'Tides', autoRestart: true, publicAccess: true, labels: [] })
  })

  test('moves the deadline of the present run with its limit, and back when the limit is taken away', async () => {
    await w.run(id)
    const startedAt = new Date('2026-01-01T00:00:00Z')
    await w.change(id, { set: { startedAt } })
    await calm()
    await ask(UPDATE, { maxRunSeconds: 3600 })
    expect(await row()).toMatchObject({ stopsAt: new Date('2026-01-01T01:00:00Z'), dueAt: expect.any(Date) })
    await ask(UPDATE, { maxRunSeconds: null })
    expect(await row()).toMatchObject({ maxRunSeconds: null, stopsAt: new Date('2026-01-08T00:00:00Z') })
  })

  test('of a deadline takes the place of an extension, and never goes beyond 7 days', async () => {
    await w.run(id)
    const startedAt = new Date('2026-01-01T00:00:00Z')
    await w.change(id, { set: { startedAt, stopsAt: new Date('2026-01-20T00:00:00Z') } })
    await ask(UPDATE, { maxRunSeconds: null })
    expect(await row()).toMatchObject({ stopsAt: new Date('2026-01-08T00:00:00Z') })
  })

  test('names every wrong field and then changes nothing', async () => {
    const labels = [{ name: '-', value: '' }]
    const { fields } = await ask(UPDATE, { name: '', labels, maxRunSeconds: 1, publicAccess: true })
    expect(fields.map(({ path }) => path)).toEqual(['name', 'labels.0.name', 'maxRunSeconds'])
    expect(await get()).toMatchObject({ publicAccess: false, labels: [{ name: 'team', value: 'water' }] })
  })
})

describe('what the next run is made of', () => {
  const stopped = async () => {
    await w.run(id)
    await w.stop(id)
  }

  test('flavor, units and environment change in STOPPED, and the next start holds what they need', async () => {
    await stopped()
    const { env: before } = await row()
    expect(await ask(UPDATE, { units: 3, env: [{ name: 'A', value: 'hunter2' }] })).toMatchObject({ units: 3 })
    const { env } = await row()
    expect(env).not.toEqual(before)
    expect(openEnvironment(w.vault, { id: uuidOf(id), env })).toEqual({ A: 'hunter2' })
    await ask(UPDATE, { name: 'x' })
    expect(await row()).toMatchObject({ units: 3, env })
    await ask(START)
    expect(await row()).toMatchObject({ units: 3, heldMilliCpus: 3000 })
  })

  test('its environment is emptied by an empty list', async () => {
    await stopped()
    await ask(UPDATE, { env: [{ name: 'A', value: 'b' }] })
    await ask(UPDATE, { env: [] })
    expect(await row()).toMatchObject({ env: null })
  })

  test.each([{ flavor: 'ai1-1-cpu' }, { units: 2 }, { framework: 'python' }, { env: [] }])(
    'is not changed while it runs: %j',
    async (change) => {
      await w.run(id)
      expect(await ask(UPDATE, { ...change, name: 'other' })).toMatchObject({
        __typename: 'InvalidStateError',
        message:
          'The notebook is RUNNING; it can only be given another flavor, framework or environment in STOPPED or FAILED.',
      })
      expect(await row()).not.toMatchObject({ name: 'other' })
    },
  )

  test('nor while files of its last run are not saved', async () => {
    await w.run(id)
    await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
    await w.move(id, 'FAILED', null, 'DATA_ACCESS')
    await copy(true)
    expect(await ask(UPDATE, { units: 2 })).toMatchObject({
      __typename: 'InvalidStateError',
      message:
        'The notebook has data that is not saved yet, and cannot be given another flavor, framework or environment.',
    })
  })

  test('every wrong field is named, and what no node could host is refused', async () => {
    await stopped()
    const { fields } = await ask(UPDATE, { flavor: 'x', units: 0, framework: 'y', env: [{ name: 'PATH', value: '' }] })
    expect(fields.map(({ path }) => path).sort()).toEqual(['env.0.name', 'flavor', 'framework', 'units'])
    expect(await ask(UPDATE, { flavor: 'h100-1-gpu' })).toMatchObject({ __typename: 'FlavorUnavailableError' })
  })
})

test('no wish changes a state without its event, nor writes an event without a change', async () => {
  await w.run(id)
  await ask(STOP)
  await ask(UPDATE, { name: 'x' })
  expect((await eventTypes()).map(({ type }) => type)).toEqual([
    'NotebookCreated',
    'PhaseChanged',
    'PhaseChanged',
    'PhaseChanged',
    'PhaseChanged',
    'StateChanged',
  ])
})

describe('extend', () => {
  const startedAt = new Date('2026-01-01T00:00:00Z')
  const inRun = (set: object = {}) =>
    w.change(id, { set: { startedAt, stopsAt: new Date('2026-01-08T00:00:00Z'), ...set } })

  test('moves the deadline of the present run, once for an idempotency key, and wakes the reconciler', async () => {
    await w.run(id)
    await inRun({ warnedAhead: 300 })
    await calm()
    for (let repeat = 0; repeat < 2; repeat += 1)
      expect(await ask(EXTEND, { seconds: 3600, idempotencyKey: 'once' })).toMatchObject({ __typename: 'Notebook' })
    expect(await row()).toMatchObject({ stopsAt: new Date('2026-01-08T01:00:00Z'), dueAt: expect.any(Date) })
  })

  test('beyond 28 days is a ValidationError that names the ceiling', async () => {
    await w.run(id)
    await inRun()
    expect(await ask(EXTEND, { seconds: 21 * 86_400 + 1 })).toMatchObject({
      __typename: 'ValidationError',
      fields: [{ path: 'seconds', message: expect.stringContaining('at 2026-01-29T00:00:00.000Z') }],
    })
    expect(await row()).toMatchObject({ stopsAt: new Date('2026-01-08T00:00:00Z') })
  })

  test('of a notebook that does not run, or is about to end its run, is an InvalidStateError', async () => {
    const refused = { __typename: 'InvalidStateError', allowed: ['RUNNING'] }
    expect(await ask(EXTEND, { seconds: 60 })).toMatchObject({ ...refused, state: 'STARTING' })
    await w.run(id)
    await inRun()
    await ask(RESTART)
    expect(await ask(EXTEND, { seconds: 60 })).toMatchObject({ ...refused, state: 'RUNNING' })
  })

  test('is for those who may run notebooks', async () => {
    const { projectId } = await w.tenant()
    const reader = await w.join(projectId, 'READER')
    const { data } = await w.as(reader)<Result>(EXTEND, { input: { notebookId: id, seconds: 60 } })
    expect(data.result.__typename).toBe('NotFoundError')
  })
})
