/** Who sees and does what: nobody without a token, nobody beyond their projects, and everybody within their role. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureAdmin } from '../../src/access/admin.ts'
import { authenticate } from '../../src/access/tokens.ts'
import { schema } from '../../src/api/schema.ts'
import { encodeId } from '../../src/domain/ids.ts'
import {
  ADD_MEMBER,
  CANCEL_SYNC,
  CREATE,
  CREATE_DATA_STORE,
  CREATE_PROJECT,
  DELETE,
  DELETE_DATA_STORE,
  EXTEND,
  REMOVE_MEMBER,
  RESTART,
  RETRY,
  type Result,
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
import { type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let projectId: string
let notebookId: string
let dataStoreId: string
let syncId: string

beforeAll(async () => {
  w = await world()
  const tenant = await w.tenant()
  owner = tenant.owner
  projectId = tenant.projectId
  dataStoreId = await w.dataStore(projectId)
  const volumes = [{ mountPath: '/workspace/data', bucket: { dataStoreId, bucket: 'abc' } }]
  const { data } = await w.as(owner)<Result>(CREATE, { input: { projectId, ...SMALL, volumes } })
  notebookId = data.result.id
  const sync = await w.database.dataSync.create({
    data: { notebookId: uuidOf(notebookId), direction: 'PULL', operation: crypto.randomUUID() },
  })
  syncId = encodeId('DataSync', sync.id)
})

afterAll(() => w[Symbol.asyncDispose]())

const store = () => ({
  projectId,
  name: `s${Math.random().toString(36).slice(2)}`,
  endpoint: 'https://s3.example.com',
  region: 'eu-west-1',
  accessKeyId: 'a',
  secretAccessKey: 'b',
})

/** Every mutation, with an input that would do. */
const MUTATIONS: readonly [name: string, document: string, input: () => object][] = [
  ['createNotebook', CREATE, () => ({ projectId, ...SMALL })],
  ['updateNotebook', UPDATE, () => ({ notebookId, name: 'x' })],
  ['startNotebook', START, () => ({ notebookId })],
  ['stopNotebook', STOP, () => ({ notebookId })],
  ['restartNotebook', RESTART, () => ({ notebookId })],
  ['extendNotebook', EXTEND, () => ({ notebookId, seconds: 60 })],
  ['deleteNotebook', DELETE, () => ({ notebookId })],
  ['retryNotebookSync', RETRY, () => ({ notebookId })],
  ['syncNotebookData', SYNC_DATA, () => ({ notebookId, direction: 'PUSH' })],
  ['saveWorkspace', SAVE_WORKSPACE, () => ({ notebookId })],
  ['cancelDataSync', CANCEL_SYNC, () => ({ syncId })],
  ['createDataStore', CREATE_DATA_STORE, store],
  ['deleteDataStore', DELETE_DATA_STORE, () => ({ dataStoreId })],
  ['testDataStore', TEST_DATA_STORE, () => ({ dataStoreId, bucket: 'abc' })],
  ['setQuota', SET_QUOTA, () => ({ projectId, gpus: 1 })],
  ['setBudget', SET_BUDGET, () => ({ projectId, amount: '1.00' })],
  ['addMember', ADD_MEMBER, () => ({ projectId, userName: 'somebody', role: 'READER' })],
  ['removeMember', REMOVE_MEMBER, () => ({ projectId, userId: encodeId('User', owner.id) })],
]

/** Of no project, or of one's own tokens: tried in tokens.test.ts. */
const OWN = ['createProject', 'createApiToken', 'revokeApiToken']

test('every mutation of the schema is tried here', () => {
  const names = Object.keys(schema.getMutationType()?.getFields() ?? {})
  expect(names.sort()).toEqual([...MUTATIONS.map(([name]) => name), ...OWN].sort())
})

describe('no token', () => {
  const unauthenticated = { status: 401, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }

  test.each([
    '{ viewer { name } }',
    '{ projects { edges { node { id } } } }',
    '{ flavors { id } }',
    '{ node(id: "x") { id } }',
    'mutation { createProject(input: { name: "x" }) { __typename } }',
  ])('answers 401 and UNAUTHENTICATED to %s', async (query) => {
    expect(await w.as(null)(query)).toMatchObject(unauthenticated)
  })

  test('neither does one that is unknown, malformed, expired or revoked', async () => {
    const expired = await w.user()
    const revoked = await w.user()
    await w.database.apiToken.update({ where: { id: expired.viewer.tokenId }, data: { expiresAt: new Date() } })
    await w.database.apiToken.update({ where: { id: revoked.viewer.tokenId }, data: { revokedAt: new Date() } })
    const tokens = ['', 'cah_', `cah_${'x'.repeat(43)}`, owner.token.toUpperCase(), expired.token, revoked.token]
    for (const token of tokens)
      expect(await w.as({ ...owner, token })('{ viewer { name } }')).toMatchObject(unauthenticated)
  })

  test('the schema can be read all the same, but not over and over in one document', async () => {
    expect((await w.as(null)('{ __schema { queryType { name } } }')).errors).toEqual([])
    const often = Array.from({ length: 4 }, (_, index) => `a${index}: __schema { types { name } }`).join(' ')
    expect((await w.as(null)(`{ ${often} }`)).errors[0]?.message).toBe('The document asks for the schema too often.')
  })
})

describe('a project that is not yours', () => {
  test('does not exist for you: neither it, nor what is in it, by any way of asking', async () => {
    const stranger = await w.user()
    const rows = await w.database.volume.findFirstOrThrow({ where: { notebookId: uuidOf(notebookId) } })
    const ids = [projectId, notebookId, dataStoreId, encodeId('Volume', rows.id), syncId]
    const node = 'query ($id: ID!) { node(id: $id) { __typename id } notebook(id: $id) { id } project(id: $id) { id } }'
    for (const id of ids) {
      expect(await w.as(stranger)(node, { id })).toMatchObject({
        status: 200,
        data: { node: null, notebook: null, project: null },
      })
      expect((await w.as(owner)<{ node: object }>(node, { id })).data.node).toMatchObject({ id })
    }
    const { data } = await w.as(stranger)<{ projects: { edges: object[] } }>('{ projects { edges { node { id } } } }')
    expect(data.projects.edges).toEqual([])
  })

  test.each(MUTATIONS)(
    '%s answers NotFoundError, in the words that it has for what does not exist',
    async (_name, document, input) => {
      const stranger = await w.user()
      const askWith = async (changes: object) =>
        (await w.as(stranger)<Result>(document, { input: { ...input(), ...changes } })).data.result
      const foreign = await askWith({})
      expect(foreign).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' })
      const uuid = crypto.randomUUID()
      const nowhere = {
        ...('projectId' in input() ? { projectId: encodeId('Project', uuid) } : {}),
        ...('notebookId' in input() ? { notebookId: encodeId('Notebook', uuid) } : {}),
        ...('dataStoreId' in input() ? { dataStoreId: encodeId('DataStore', uuid) } : {}),
        ...('syncId' in input() ? { syncId: encodeId('DataSync', uuid) } : {}),
      }
      expect(await askWith(nowhere)).toEqual(foreign)
      const nonsense = Object.fromEntries(Object.keys(nowhere).map((key) => [key, 'nonsense']))
      expect(await askWith(nonsense)).toEqual(foreign)
    },
  )

  test('an id of another kind is that of something that does not exist', async () => {
    const { data } = await w.as(owner)<Result>(STOP, { input: { notebookId: projectId } })
    expect(data.result.__typename).toBe('NotFoundError')
  })
})

describe('roles', () => {
  test.each(MUTATIONS)('a READER may not %s', async (name, document, input) => {
    const reader = await w.join(projectId, 'READER')
    const needed = name.endsWith('Member') || name === 'setBudget' ? 'OWNER' : 'OPERATOR'
    expect((await w.as(reader)<Result>(document, { input: input() })).data.result).toMatchObject({
      __typename: 'ForbiddenError',
      message:
        name === 'setQuota'
          ? 'This is for those who look after the installation.'
          : `This needs the role ${needed} in the project; yours is READER.`,
    })
  })

  test('a READER sees the project, its notebooks and their data', async () => {
    const reader = await w.join(projectId, 'READER')
    const { data, errors } = await w.as(reader)<{ project: { notebooks: { edges: object[] } } }>(
      'query ($id: ID!) { project(id: $id) { notebooks { edges { node { volumes { id } } } } dataStores { name } } }',
      { id: projectId },
    )
    expect(errors).toEqual([])
    expect(data.project.notebooks.edges.length).toBeGreaterThan(0)
  })

  test('an OPERATOR may run notebooks', async () => {
    const operator = await w.join(projectId, 'OPERATOR')
    const { data } = await w.as(operator)<Result>(CREATE, { input: { projectId, ...SMALL } })
    expect(data.result.__typename).toBe('Notebook')
  })

  test('who creates a project owns it', async () => {
    const user = await w.user()
    const { data } = await w.as(user)<Result>(CREATE_PROJECT, { input: { name: 'Mine' } })
    const member = await w.database.member.findFirst({ where: { userId: user.id } })
    expect([data.result.name, member?.role]).toEqual(['Mine', 'OWNER'])
    expect((await w.as(user)<Result>(CREATE_PROJECT, { input: { name: '\u0000' } })).data.result.fields).toEqual([
      { path: 'name', message: 'must not contain control characters.' },
    ])
  })
})

test('a token’s use is noted, at most once a minute', async () => {
  const user = await w.user()
  const lastUsedAt = async () =>
    (await w.database.apiToken.findUniqueOrThrow({ where: { id: user.viewer.tokenId } })).lastUsedAt
  expect(await lastUsedAt()).toBeNull()
  await w.as(user)('{ viewer { name } }')
  const first = await lastUsedAt()
  expect(first).not.toBeNull()
  await w.as(user)('{ viewer { name } }')
  expect(await lastUsedAt()).toEqual(first)
})

describe('the admin', () => {
  const tokenIn = async (path: string) => authenticate(w.database, `Bearer ${(await readFile(path, 'utf8')).trim()}`)

  test('gets a token once, in a file of its own, and a new one when that is missing, expired or unknown', async () => {
    const home = await mkdtemp(join(tmpdir(), 'cahier-admin-'))
    try {
      const path = await ensureAdmin(w.database, home)
      expect(path).toBe(join(home, 'admin-token'))
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      const first = await tokenIn(path)
      expect(first?.name).toBe('admin')
      await ensureAdmin(w.database, home)
      expect((await tokenIn(path))?.tokenId).toBe(first?.tokenId)

      await w.database.apiToken.updateMany({ where: { userId: first?.userId ?? '' }, data: { expiresAt: new Date() } })
      await ensureAdmin(w.database, home)
      const second = await tokenIn(path)
      expect(second?.tokenId).not.toBe(first?.tokenId)
      await writeFile(path, 'nonsense', { mode: 0o644 })
      await ensureAdmin(w.database, home)
      expect((await tokenIn(path))?.userId).toBe(first?.userId)
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      await rm(path)
      await ensureAdmin(w.database, home)
      expect((await tokenIn(path))?.userId).toBe(first?.userId)
    } finally {
      await rm(home, { recursive: true })
    }
  })
})
