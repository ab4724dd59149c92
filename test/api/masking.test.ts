/** What goes out of an error that nobody foresaw: an id, and nothing of the error. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../src/api/schema.ts'
import { createGraphqlApi } from '../../src/api/yoga.ts'
import { encodeId } from '../../src/domain/ids.ts'
import type { Database } from '../../src/store/database.ts'
import {
  ADD_MEMBER,
  CANCEL_SYNC,
  CREATE,
  CREATE_API_TOKEN,
  CREATE_DATA_STORE,
  CREATE_PROJECT,
  DELETE,
  DELETE_DATA_STORE,
  EXTEND,
  GET,
  REMOVE_MEMBER,
  RESTART,
  RETRY,
  REVOKE_API_TOKEN,
  SAVE_WORKSPACE,
  SET_BUDGET,
  SET_QUOTA,
  SMALL,
  START,
  STOP,
  SYNC_DATA,
  TEST_DATA_STORE,
  UPDATE,
} from './documents.ts'
import { client, type User, type World, world } from './world.ts'

const NOBODY = '00000000-0000-0000-0000-000000000000'
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

const MUTATIONS: [string, string, () => object][] = [
  ['createProject', CREATE_PROJECT, () => ({ input: { name: 'x' } })],
  ['createDataStore', CREATE_DATA_STORE, () => ({ input: { projectId, ...store } })],
  ['deleteDataStore', DELETE_DATA_STORE, () => ({ input: { dataStoreId: encodeId('DataStore', NOBODY) } })],
  ['createNotebook', CREATE, () => ({ input: { projectId, ...SMALL } })],
  ['updateNotebook', UPDATE, () => ({ input: { notebookId } })],
  ['startNotebook', START, () => ({ input: { notebookId } })],
  ['stopNotebook', STOP, () => ({ input: { notebookId } })],
  ['restartNotebook', RESTART, () => ({ input: { notebookId } })],
  ['extendNotebook', EXTEND, () => ({ input: { notebookId, seconds: 60 } })],
  ['deleteNotebook', DELETE, () => ({ input: { notebookId } })],
  ['retryNotebookSync', RETRY, () => ({ input: { notebookId } })],
  ['syncNotebookData', SYNC_DATA, () => ({ input: { notebookId, direction: 'PUSH' } })],
  ['saveWorkspace', SAVE_WORKSPACE, () => ({ input: { notebookId } })],
  ['cancelDataSync', CANCEL_SYNC, () => ({ input: { syncId: encodeId('DataSync', NOBODY) } })],
  ['testDataStore', TEST_DATA_STORE, () => ({ input: { dataStoreId: encodeId('DataStore', NOBODY), bucket: 'abc' } })],
  ['setQuota', SET_QUOTA, () => ({ input: { projectId, gpus: 1 } })],
  ['setBudget', SET_BUDGET, () => ({ input: { projectId, amount: '1.00' } })],
  ['addMember', ADD_MEMBER, () => ({ input: { projectId, userName: 'x', role: 'READER' } })],
  ['removeMember', REMOVE_MEMBER, () => ({ input: { projectId, userId: encodeId('User', NOBODY) } })],
  [
    'createApiToken',
    CREATE_API_TOKEN,
    () => ({ input: { name: 'x', role: 'READER', expiresAt: new Date(Date.now() + 3_600_000) } }),
  ],
  ['revokeApiToken', REVOKE_API_TOKEN, () => ({ input: { apiTokenId: encodeId('ApiToken', NOBODY) } })],
]

test.each<[string, string, () => object]>([
  ...MUTATIONS,
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

test('every mutation of the schema is among those shown here', () => {
  const names = Object.keys(schema.getMutationType()?.getFields() ?? {})
  expect(MUTATIONS.map(([name]) => name).sort()).toEqual(names.sort())
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
