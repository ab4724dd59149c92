/** What goes out of an error that nobody foresaw: an id, and nothing of the error. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createGraphqlApi } from '../../src/api/yoga.ts'
import type { Database } from '../../src/store/database.ts'
import {
  CREATE,
  CREATE_DATA_STORE,
  CREATE_PROJECT,
  DELETE,
  DELETE_DATA_STORE,
  EXTEND,
  GET,
  RESTART,
  RETRY,
  SMALL,
  START,
  STOP,
  UPDATE,
} from './documents.ts'
import { client, type User, type World, world } from './world.ts'

const SECRET = 'connect failed: postgresql://cahier:hunter2@db'

let w: World
let owner: User
let projectId: string
let notebookId: string
let ask: ReturnType<typeof client>

/** A database that knows who is calling and fails at everything else. */
function broken(database: Database): Database {
  return new Proxy(database, {
    get(target, property) {
      if (property === '$queryRaw' || property === '$executeRaw') return Reflect.get(target, property).bind(target)
      throw new Error(SECRET)
    },
  })
}

beforeAll(async () => {
  w = await world()
  const tenant = await w.tenant()
  owner = tenant.owner
  projectId = tenant.projectId
  const { data } = await w.as(owner)<{ result: { id: string } }>(CREATE, { input: { projectId, ...SMALL } })
  notebookId = data.result.id
  const api = createGraphqlApi({ ...w.parts, database: broken(w.database) }, { origins: [], log: w.log })
  ask = client(api, owner)
})

afterAll(() => w[Symbol.asyncDispose]())

const store = { name: 's', endpoint: 'https://s3.example.com', region: 'x', accessKeyId: 'a', secretAccessKey: 'b' }

test.each<[string, string, () => object]>([
  ['createProject', CREATE_PROJECT, () => ({ input: { name: 'x' } })],
  ['createDataStore', CREATE_DATA_STORE, () => ({ input: { projectId, ...store } })],
  [
    'deleteDataStore',
    DELETE_DATA_STORE,
    () => ({ input: { dataStoreId: 'RGF0YVN0b3JlOjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMA' } }),
  ],
  ['createNotebook', CREATE, () => ({ input: { projectId, ...SMALL } })],
  ['updateNotebook', UPDATE, () => ({ input: { notebookId } })],
  ['startNotebook', START, () => ({ input: { notebookId } })],
  ['stopNotebook', STOP, () => ({ input: { notebookId } })],
  ['restartNotebook', RESTART, () => ({ input: { notebookId } })],
  ['extendNotebook', EXTEND, () => ({ input: { notebookId, seconds: 60 } })],
  ['deleteNotebook', DELETE, () => ({ input: { notebookId } })],
  ['retryNotebookSync', RETRY, () => ({ input: { notebookId } })],
  ['the query notebook', GET, () => ({ id: notebookId })],
  ['the query node', 'query ($id: ID!) { node(id: $id) { id } }', () => ({ id: notebookId })],
])('a bare error in %s goes out as an id, under which it is logged once', async (_name, document, variables) => {
  w.logged.length = 0
  const answer = await ask(document, variables())
  expect(JSON.stringify(answer)).not.toContain('hunter2')
  expect(answer.errors).toMatchObject([
    { message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL', requestId: expect.any(String) } },
  ])
  expect(w.logged).toMatchObject([
    { level: 50, requestId: answer.errors[0]?.extensions.requestId, err: { message: SECRET } },
  ])
})

test('every mutation of the schema is among those shown here', async () => {
  const { data } = await w.as(owner)<{ __schema: { mutationType: { fields: { name: string }[] } } }>(
    '{ __schema { mutationType { fields { name } } } }',
  )
  expect(data.__schema.mutationType.fields.map(({ name }) => name).toSorted()).toEqual([
    'createDataStore',
    'createNotebook',
    'createProject',
    'deleteDataStore',
    'deleteNotebook',
    'extendNotebook',
    'restartNotebook',
    'retryNotebookSync',
    'startNotebook',
    'stopNotebook',
    'updateNotebook',
  ])
})

test('what is wrong with a document or its variables is said, and not logged', async () => {
  w.logged.length = 0
  expect((await w.as(owner)('{ viewer { nme } }')).errors[0]?.message).toContain('Did you mean "name"?')
  expect((await w.as(owner)('{ viewer {')).errors[0]?.message).toContain('Syntax Error')
  expect((await w.as(owner)(CREATE, { input: {} })).errors[0]?.message).toContain(
    'required type "ID!" was not provided',
  )
  const cursor = 'query ($id: ID!, $after: EventCursor) { notebook(id: $id) { events(after: $after) { __typename } } }'
  expect((await w.as(owner)(cursor, { id: notebookId, after: 'x' })).errors[0]?.message).toContain('is no EventCursor')
  expect(w.logged).toEqual([])
})

test('a document that costs too much, is too long or a body that is too big is refused', async () => {
  const nested =
    '{ projects(first: 100) { edges { node { notebooks(first: 100) { edges { node { name volumes { id } } } } } } } }'
  expect((await w.as(owner)(nested)).errors).toMatchObject([{ extensions: { code: 'TOO_COMPLEX' } }])
  const deep = `{ projects { edges { node { ${'notebooks(first: 1) { edges { node { project { '.repeat(5)} id ${'} } } }'.repeat(5)} } } } }`
  expect((await w.as(owner)(deep)).errors).toMatchObject([{ extensions: { code: 'TOO_COMPLEX' } }])
  const long = `{ ${Array.from({ length: 3000 }, (_, index) => `a${index}: __typename`).join(' ')} }`
  expect((await w.as(owner)(long)).errors[0]?.message).toContain('more that 5000 tokens')
  const big = await w.as(owner)('{ viewer { name } }', { padding: 'x'.repeat(300_000) })
  expect(big).toMatchObject({ status: 413, errors: [{ message: 'Request body too large' }] })
})

test('fragments that double with every level are refused before anything is read', async () => {
  const levels = Array.from(
    { length: 40 },
    (_, n) =>
      `fragment F${n} on Project { a${n}: notebooks(first: 1) { edges { node { project { ...F${n + 1} } } } } b${n}: notebooks(first: 1) { edges { node { project { ...F${n + 1} } } } } }`,
  )
  const bomb = `{ projects { edges { node { ...F0 } } } } ${levels.join(' ')} fragment F40 on Project { id }`
  expect((await w.as(owner)(bomb)).errors).toMatchObject([{ extensions: { code: 'TOO_COMPLEX' } }])
})
