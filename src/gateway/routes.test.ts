import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StillClock } from '../../test/gateway/world.ts'
import { type FreshDatabase, freshDatabase } from '../../test/testkit/database.ts'
import { RouteTable } from './routes.ts'

let fresh: FreshDatabase
let clock: StillClock
let table: RouteTable
let notebookId: string

beforeEach(async () => {
  fresh = await freshDatabase()
  clock = new StillClock()
  table = new RouteTable({ database: fresh.database, clock })
  await fresh.database.engineNode.create({ data: { id: 'node', milliCpus: 1, memoryBytes: 1n } })
  const project = await fresh.database.project.create({ data: { name: 'p' } })
  const notebook = await fresh.database.notebook.create({
    data: {
      projectId: project.id,
      name: 'quiet heron',
      editor: 'jupyterlab',
      framework: 'python',
      frameworkVersion: '3.13',
      flavor: 'ai1-1-cpu',
      units: 1,
      state: 'RUNNING',
    },
  })
  notebookId = notebook.id
})
afterEach(() => fresh[Symbol.asyncDispose]())

async function addContainer(generation: number, change: { settled?: boolean; role?: 'MOVER' } = {}): Promise<void> {
  await fresh.database.container.create({
    data: {
      id: randomUUID(),
      notebookId,
      generation,
      role: 'NOTEBOOK',
      purpose: 'RUN',
      nodeId: 'node',
      host: '127.0.0.1',
      port: 10_000 + generation,
      ...change,
    },
  })
}

test('a running notebook is reached at its newest container that has not ended', async () => {
  await addContainer(1)
  await addContainer(2)
  await addContainer(3, { settled: true })
  await addContainer(4, { role: 'MOVER' })
  expect(await table.routeOf(notebookId)).toMatchObject({
    notebookId,
    name: 'quiet heron',
    state: 'RUNNING',
    publicAccess: false,
    target: { host: '127.0.0.1', port: 10_002, generation: 2 },
  })
})

test('a notebook that does not run is reached nowhere, whatever containers there are', async () => {
  await addContainer(1)
  await fresh.database.notebook.update({
    where: { id: notebookId },
    data: { state: 'STOPPING', phase: 'SAVING_WORKSPACE' },
  })
  expect(await table.routeOf(notebookId)).toMatchObject({ state: 'STOPPING', phase: 'SAVING_WORKSPACE', target: null })
})

test('what is deleted or was never there has no route', async () => {
  await fresh.database.notebook.update({ where: { id: notebookId }, data: { deletedAt: new Date() } })
  expect(await table.routeOf(notebookId)).toBeNull()
  expect(await table.routeOf(randomUUID())).toBeNull()
})

test('a change is seen at once when it is announced, and within a second when it is not', async () => {
  const rename = (name: string) => fresh.database.notebook.update({ where: { id: notebookId }, data: { name } })
  const name = async () => (await table.routeOf(notebookId))?.name
  await name()
  await rename('announced')
  table.forget(notebookId)
  expect(await name()).toBe('announced')
  await rename('unheard')
  clock.pass(1_000)
  expect(await name()).toBe('unheard')
})

test('after a gap in the announcements every route is read anew', async () => {
  await table.routeOf(notebookId)
  await fresh.database.notebook.update({ where: { id: notebookId }, data: { name: 'renamed' } })
  table.forget(null)
  expect(await table.routeOf(notebookId)).toMatchObject({ name: 'renamed' })
})
