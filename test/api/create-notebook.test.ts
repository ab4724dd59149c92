/** Creating a notebook: what is refused, with which words, and what is made. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEnvironment } from '../../src/data/environment.ts'
import { CREATE, CREATE_DATA_STORE, DELETE, DELETE_DATA_STORE, type Result, SMALL } from './documents.ts'
import { GATEWAY_DOMAIN, type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let projectId: string
let dataStoreId: string

beforeAll(async () => {
  w = await world()
  const tenant = await w.tenant()
  owner = tenant.owner
  projectId = tenant.projectId
  dataStoreId = await w.dataStore(projectId)
})

afterAll(() => w[Symbol.asyncDispose]())

async function create(input: object): Promise<Result['result']> {
  const { data, errors } = await w.as(owner)<Result>(CREATE, { input: { projectId, ...SMALL, ...input } })
  expect(errors).toEqual([])
  return data.result
}

/** The wrong fields, each with its message. */
async function wrong(input: object): Promise<Record<string, string>> {
  const result = await create(input)
  expect(result.__typename).toBe('ValidationError')
  return Object.fromEntries(result.fields.map(({ path, message }) => [path, message]))
}

const bucket = (changes: object = {}) => ({ dataStoreId, bucket: 'measurements', ...changes })
const at = (mountPath: string, changes: object = {}) => ({ bucket: bucket(), mountPath, ...changes })

describe('refused', () => {
  test('an editor, framework, version or flavor that is not in the catalogue', async () => {
    expect(await wrong({ editor: 'emacs', framework: 'cobol', flavor: 'huge' })).toEqual({
      editor: 'is no editor of this installation; there is jupyterlab.',
      framework: 'is no framework of this installation; there is python.',
      flavor: expect.stringContaining('ai1-1-cpu'),
    })
    expect(await wrong({ frameworkVersion: '2.7' })).toEqual({ frameworkVersion: 'is none of python: 3.13.' })
  })

  test.each([0, -1, 13])('%i units of a flavor that has 1 to 12', async (units) => {
    expect(await wrong({ units })).toEqual({ units: 'must be a whole number from 1 to 12.' })
  })

  test('two volumes on one mount path, also two read-only ones', async () => {
    expect(await wrong({ volumes: [at('/workspace/data'), at('/workspace/data/')] })).toEqual({
      'volumes.1.mountPath': 'is the mount path of another volume already.',
    })
  })

  test('a volume inside another, in either order', async () => {
    const inside = { 'volumes.1.mountPath': expect.stringContaining('inside another volume') }
    expect(await wrong({ volumes: [at('/workspace/a'), at('/workspace/a/b')] })).toEqual(inside)
    expect(await wrong({ volumes: [at('/workspace/a/b'), at('/workspace/a')] })).toEqual(inside)
  })

  test.each([
    'data',
    'workspace/data',
    '/workspace/../etc',
    '/workspace/a/./b',
    '/workspace',
    '/workspace/',
    '/workspace//a',
    '/mnt',
    '/',
    '',
    '/etc',
    '/usr/lib/python',
    '/proc/self',
    '/home/me',
    '/opt',
    '/.hidden',
    '/data/deep',
    '/workspace/a:b',
    '/workspace/a\n',
    `/workspace/${'x'.repeat(250)}`,
  ])('the mount path %j', async (path) => {
    expect(Object.keys(await wrong({ volumes: [at(path)] }))).toEqual(['volumes.0.mountPath'])
  })

  test.each(['ab', '-data', 'data-', 'a..b', 'a/b', 'a b', 'x'.repeat(64), 'dätä'])(
    'the bucket name %j',
    async (name) => {
      const volumes = [at('/workspace/data', { bucket: bucket({ bucket: name }) })]
      expect(Object.keys(await wrong({ volumes }))).toEqual(['volumes.0.bucket.bucket'])
    },
  )

  test.each(['/a', 'a//b', '../a', 'a/./b', 'a\0b', 'x'.repeat(600)])('the prefix %j', async (prefix) => {
    const volumes = [at('/workspace/data', { bucket: bucket({ prefix }) })]
    expect(Object.keys(await wrong({ volumes }))).toEqual(['volumes.0.bucket.prefix'])
  })

  test('a volume without a source, and data stores that are unknown, deleted or of another project, all alike', async () => {
    const other = await w.tenant()
    const foreign = await w.dataStore(other.projectId)
    const deleted = await w.dataStore(projectId)
    await w.as(owner)(DELETE_DATA_STORE, { input: { dataStoreId: deleted } })
    const of = (id: string, index: number) => at(`/workspace/${index}`, { bucket: bucket({ dataStoreId: id }) })
    const volumes = [foreign, deleted, 'nonsense', projectId].map(of)
    const no = 'is no data store of this project.'
    expect(await wrong({ volumes: [...volumes, { mountPath: '/workspace/x' }] })).toEqual({
      'volumes.0.bucket.dataStoreId': no,
      'volumes.1.bucket.dataStoreId': no,
      'volumes.2.bucket.dataStoreId': no,
      'volumes.3.bucket.dataStoreId': no,
      'volumes.4.bucket': 'is needed: it says where the data lies.',
    })
  })

  test('more than 10 volumes or labels, or two labels of one name', async () => {
    const volumes = Array.from({ length: 11 }, (_, index) => at(`/workspace/${index}`))
    const labels = Array.from({ length: 11 }, (_, index) => ({ name: `l${index}`, value: '' }))
    expect(await wrong({ volumes, labels })).toEqual({ volumes: 'must be at most 10.', labels: 'must be at most 10.' })
    expect(
      await wrong({
        labels: [
          { name: 'a', value: '' },
          { name: 'a', value: 'b' },
        ],
      }),
    ).toEqual({
      'labels.1.name': 'is the name of another label.',
    })
  })

  test.each(['PATH', 'HOME', 'LD_PRELOAD', 'JUPYTER_TOKEN', 'CAHIER_X', '1A', 'A-B', ''])(
    'the variable %j',
    async (name) => {
      expect(Object.keys(await wrong({ env: [{ name, value: 'x' }] }))).toEqual(['env.0.name'])
    },
  )

  test('more than 64 variables, more than 32 KiB of them, one twice, and a NUL', async () => {
    const many = (length: number) =>
      Array.from({ length }, (_, index) => ({ name: `V${index}`, value: 'x'.repeat(512) }))
    expect(await wrong({ env: many(65) })).toEqual({ env: 'must be at most 64 variables.' })
    expect(await wrong({ env: many(64) })).toEqual({ env: 'must have at most 32 KiB in all.' })
    expect(
      await wrong({
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: 'x\0y' },
        ],
      }),
    ).toEqual({
      'env.1.name': 'is set already.',
      'env.1.value': 'must not contain a NUL character.',
    })
  })

  test('an empty or endless name, and a run limit out of bounds', async () => {
    const run = 'must be a whole number from 60 to 604800.'
    expect(await wrong({ name: ' ', maxRunSeconds: 59 })).toEqual({ name: 'must not be empty.', maxRunSeconds: run })
    expect(await wrong({ name: 'x'.repeat(101), maxRunSeconds: 604_801 })).toEqual({
      name: 'must have at most 100 characters.',
      maxRunSeconds: run,
    })
  })

  test('everything that is wrong at once', async () => {
    const input = {
      framework: 'cobol',
      units: 13,
      volumes: [at('data'), at('/workspace')],
      env: [{ name: 'PATH', value: '' }],
    }
    expect(Object.keys(await wrong(input)).toSorted()).toEqual([
      'env.0.name',
      'framework',
      'units',
      'volumes.0.mountPath',
      'volumes.1.mountPath',
    ])
  })

  test('the default request, a GPU, where no node has one: with the flavors that could run', async () => {
    const result = await create({ flavor: null })
    expect(result).toMatchObject({ __typename: 'FlavorUnavailableError', code: 'FLAVOR_UNAVAILABLE' })
    expect(result.message).toBe('No node of this installation can host 1 × ai1-1-gpu.')
    expect(result.available).toEqual(['ai1-1-cpu'])
  })

  test('leaves nothing behind', async () => {
    const before = await w.database.notebook.count()
    await wrong({ units: 0 })
    expect(await w.database.notebook.count()).toBe(before)
  })
})

describe('made', () => {
  test('begins in STARTING, QUEUED, wished to run, holding its units, and due at once', async () => {
    const { id, uuid, state, phase } = await create({ units: 3 })
    expect([state, phase]).toEqual(['STARTING', 'QUEUED'])
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id: uuid } })).toMatchObject({
      desired: 'RUNNING',
      heldMilliCpus: 3000,
      heldMemoryBytes: BigInt(12 * 2 ** 30),
      heldGpus: 0,
      dueAt: expect.any(Date),
    })
    await w.remove(id)
    await w.database.notebook.update({ where: { id: uuid }, data: { heldMilliCpus: 0 } })
  })

  test('without a name gets one of editor, mood and animal', async () => {
    expect((await create({})).name).toMatch(/^jupyterlab-[a-z]+-[a-z]+$/)
  })

  test('has its volumes in order, in normal form and read-only unless told, its labels by name, and one URL', async () => {
    const { id, uuid } = await create({
      name: 'Ännchen 🐚',
      volumes: [
        at('/mnt/raw/'),
        at('/results', { permission: 'RWD', bucket: bucket({ bucket: 'Old_Bucket.1', prefix: 'a/b' }) }),
        at('/workspace/x', { permission: null, bucket: bucket({ prefix: 'c/' }) }),
      ],
      labels: [
        { name: 'team', value: 'water & air'.replace('&', '+') },
        { name: 'env', value: '' },
      ],
    })
    const { data } = await w.as(owner)<{ notebook: object }>(
      `query ($id: ID!) { notebook(id: $id) {
        name url labels { name value } flavor { id } editor { id } framework { id } frameworkVersion
        volumes { mountPath permission source { ... on BucketSource { bucket prefix dataStore { id } } } lastSync { id } }
      } }`,
      { id },
    )
    const source = (name: string, prefix: string) => ({ bucket: name, prefix, dataStore: { id: dataStoreId } })
    expect(data.notebook).toEqual({
      name: 'Ännchen 🐚',
      url: `http://${uuid}.${GATEWAY_DOMAIN}`,
      labels: [
        { name: 'env', value: '' },
        { name: 'team', value: 'water + air' },
      ],
      flavor: { id: 'ai1-1-cpu' },
      editor: { id: 'jupyterlab' },
      framework: { id: 'python' },
      frameworkVersion: '3.13',
      volumes: [
        { mountPath: '/mnt/raw', permission: 'RO', source: source('measurements', ''), lastSync: null },
        { mountPath: '/results', permission: 'RWD', source: source('Old_Bucket.1', 'a/b/'), lastSync: null },
        { mountPath: '/workspace/x', permission: 'RO', source: source('measurements', 'c/'), lastSync: null },
      ],
    })
  })

  test('keeps its variables sealed', async () => {
    const { uuid } = await create({ env: [{ name: 'API_KEY', value: 'very secret' }] })
    const row = await w.database.notebook.findUniqueOrThrow({ where: { id: uuid } })
    expect(Buffer.from(row.env ?? []).includes('very secret')).toBe(false)
    expect(openEnvironment(w.vault, row)).toEqual({ API_KEY: 'very secret' })
  })

  test('has a first event, and its cursor is behind it', async () => {
    const { id, eventCursor } = await create({})
    const { data } = await w.as(owner)<{ notebook: { events: object[]; eventCursor: string } }>(
      'query ($id: ID!) { notebook(id: $id) { eventCursor events { __typename ... on NotebookEvent { cursor notebookId } } } }',
      { id },
    )
    expect(data.notebook).toEqual({
      eventCursor,
      events: [{ __typename: 'NotebookCreated', cursor: eventCursor, notebookId: id }],
    })
  })
})

describe('data stores', () => {
  const input = () => ({
    projectId,
    name: `s${Math.random()}`.slice(0, 12),
    endpoint: 'https://s3.example.com/',
    region: 'eu-west-1',
    accessKeyId: 'AKIA',
    secretAccessKey: 'very-secret',
  })
  const make = async (changes: object) =>
    (await w.as(owner)<Result>(CREATE_DATA_STORE, { input: { ...input(), ...changes } })).data.result

  test('keep their keys sealed and are path style unless told', async () => {
    const { id, endpoint, pathStyle } = await make({})
    expect([endpoint, pathStyle]).toEqual(['https://s3.example.com', true])
    const row = await w.database.dataStore.findUniqueOrThrow({ where: { id: uuidOf(id) } })
    expect(Buffer.from(row.credentials).includes('very-secret')).toBe(false)
  })

  test('name every wrong field', async () => {
    const { fields } = await make({
      name: 'a/b',
      endpoint: 'ftp://x',
      region: '',
      accessKeyId: ' ',
      secretAccessKey: '',
    })
    expect(fields.map(({ path }) => path)).toEqual(['name', 'endpoint', 'region', 'accessKeyId', 'secretAccessKey'])
    const blank = [' https://s3.example.com', 'https://s3.exa\tmple.com', 'https://s3.example.com/\0']
    for (const endpoint of [...blank, 'nonsense', 'https://me:pw@s3.example.com', 'https://s3.example.com/?x=1'])
      expect((await make({ endpoint })).fields.map(({ path }) => path)).toEqual(['endpoint'])
  })

  test('have a name once in a project, also when two are made at the same time', async () => {
    const name = 'twice'
    const results = await Promise.all([make({ name }), make({ name }), make({ name })])
    expect(results.map(({ __typename }) => __typename).toSorted()).toEqual([
      'ConflictError',
      'ConflictError',
      'DataStore',
    ])
  })

  test('cannot be deleted while a notebook uses them, and can when it is gone', async () => {
    const id = await w.dataStore(projectId)
    const notebook = await create({
      name: 'user of it',
      volumes: [at('/workspace/a', { bucket: bucket({ dataStoreId: id }) })],
    })
    const remove = async () =>
      (await w.as(owner)<Result>(DELETE_DATA_STORE, { input: { dataStoreId: id } })).data.result
    expect(await remove()).toMatchObject({
      __typename: 'DataStoreError',
      message: 'Notebooks use this data store, among them user of it.',
    })
    await w.as(owner)(DELETE, { input: { notebookId: notebook.id, force: true } })
    await w.remove(notebook.id)
    expect((await remove()).__typename).toBe('DataStore')
    expect((await remove()).__typename).toBe('NotFoundError')
  })
})
