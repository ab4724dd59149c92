/** testDataStore: a wish that is answered at once, and what the store shows of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Result, TEST_DATA_STORE } from './documents.ts'
import { type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let projectId: string

beforeAll(async () => {
  w = await world()
  const tenant = await w.tenant()
  owner = tenant.owner
  projectId = tenant.projectId
})

afterAll(() => w[Symbol.asyncDispose]())

const tryIt = async (dataStoreId: string, more: object = {}) =>
  (await w.as(owner)<Result>(TEST_DATA_STORE, { input: { dataStoreId, bucket: 'data', ...more } })).data.result

const errandsOf = (dataStoreId: string) =>
  w.database.storeErrand.findMany({ where: { dataStoreId: uuidOf(dataStoreId) }, orderBy: { createdAt: 'asc' } })

test('a test is wished and shown, a second of the same joins it, one of another bucket does not', async () => {
  const id = await w.dataStore(projectId)
  expect(await tryIt(id, { prefix: 'in' })).toMatchObject({
    __typename: 'DataStore',
    id,
    lastTest: { testState: 'PENDING', bucket: 'data', prefix: 'in/', passed: null, checks: [] },
  })
  await tryIt(id, { prefix: 'in/' })
  expect(await errandsOf(id)).toHaveLength(1)
  await tryIt(id, { bucket: 'other' })
  expect(await errandsOf(id)).toHaveLength(2)
})

test('whether it passed is told by its checks, and the next test forgets them', async () => {
  const id = await w.dataStore(projectId)
  await tryIt(id)
  const checks = [
    { check: 'TLS', outcome: 'SKIPPED', message: 'The address is http.' },
    { check: 'PUT', outcome: 'FAILED', message: 'No.' },
  ]
  const where = { dataStoreId: uuidOf(id) }
  const show = async () =>
    (
      await w.as(owner)<{ node: Result['result'] }>(
        'query ($id: ID!) { node(id: $id) { ... on DataStore { lastTest { testState: state passed checks { check outcome message } } } } }',
        { id },
      )
    ).data.node.lastTest
  await w.database.storeErrand.updateMany({ where, data: { state: 'DONE', checks } })
  expect(await show()).toEqual({ testState: 'DONE', passed: false, checks })
  await w.database.storeErrand.updateMany({ where, data: { checks: checks.slice(0, 1) } })
  expect(await show()).toMatchObject({ passed: true })
  expect((await tryIt(id)).lastTest).toMatchObject({ testState: 'PENDING', checks: [] })
  expect(await errandsOf(id)).toHaveLength(1)
})

test('a bucket or prefix that can be none is refused, and a reader may not test', async () => {
  const id = await w.dataStore(projectId)
  const result = await tryIt(id, { bucket: 'a', prefix: '/x' })
  expect(result).toMatchObject({ __typename: 'ValidationError', code: 'VALIDATION' })
  expect(result.fields.map(({ path }) => path)).toEqual(['bucket', 'prefix'])
  const reader = await w.join(projectId, 'READER')
  const { data } = await w.as(reader)<Result>(TEST_DATA_STORE, { input: { dataStoreId: id, bucket: 'data' } })
  expect(data.result).toMatchObject({ __typename: 'ForbiddenError' })
  expect(await errandsOf(id)).toEqual([])
})
