/** Lists: in order, in pages that miss and repeat nothing, filtered, and in few statements however long. */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { projectCosts, projectForecasts } from '../../src/store/costs.ts'
import { CREATE, type Result, SMALL } from './documents.ts'
import { NODE, type User, uuidOf, type World, world } from './world.ts'

let w: World
let owner: User
let projectId: string
const ids: string[] = []

const NAMES = ['echo', 'alpha', 'delta', 'bravo', 'charlie', 'alpha', 'foxtrot']

beforeAll(async () => {
  w = await world()
  const tenant = await w.tenant()
  owner = tenant.owner
  projectId = tenant.projectId
  const dataStoreId = await w.dataStore(projectId)
  for (const [index, name] of NAMES.entries()) {
    const labels = [
      { name: 'team', value: index % 2 ? 'water' : 'air' },
      { name: 'nr', value: `${index}` },
    ]
    const volumes = [0, 1].map((nr) => ({ mountPath: `/workspace/${nr}`, bucket: { dataStoreId, bucket: 'abc' } }))
    const { data } = await w.as(owner)<Result>(CREATE, { input: { projectId, ...SMALL, name, labels, volumes } })
    ids.push(data.result.id)
  }
})

afterAll(() => w[Symbol.asyncDispose]())

interface Page {
  project: {
    notebooks: {
      edges: { cursor: string; node: { id: string; name: string } }[]
      pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null }
    }
  }
}

const LIST = `query ($id: ID!, $first: Int, $after: String, $filter: NotebookFilter, $orderBy: NotebookOrder) {
  project(id: $id) { notebooks(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    edges { cursor node { id name } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}`

async function list(variables: object) {
  const { data, errors } = await w.as(owner)<Page>(LIST, { id: projectId, ...variables })
  expect(errors).toEqual([])
  return data.project.notebooks
}

const namesOf = ({ edges }: Page['project']['notebooks']) => edges.map(({ node }) => node.name)

describe('pages', () => {
  test.each([
    [undefined, NAMES],
    [{ field: 'CREATED_AT', direction: 'DESC' }, NAMES.toReversed()],
    [{ field: 'NAME', direction: 'ASC' }, NAMES.toSorted()],
    [{ field: 'NAME', direction: 'DESC' }, NAMES.toSorted().reverse()],
  ])('in the order %j, each begins where the last one ended', async (orderBy, expected) => {
    const seen: string[] = []
    const found = new Set<string>()
    let after: string | null = null
    do {
      const page = await list({ first: 2, after, orderBy })
      seen.push(...namesOf(page))
      for (const { node } of page.edges) found.add(node.id)
      expect(page.pageInfo.hasPreviousPage).toBe(after !== null)
      expect(page.pageInfo.hasNextPage).toBe(seen.length < NAMES.length)
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null
    } while (after)
    expect(seen).toEqual(expected)
    expect(found.size).toBe(NAMES.length)
  })

  test('go on rightly after an entry that was deleted, or no longer meets the filter', async () => {
    const tenant = await w.tenant()
    const made: string[] = []
    for (const name of ['a', 'b', 'c', 'd']) {
      const { data } = await w.as(tenant.owner)<Result>(CREATE, {
        input: { projectId: tenant.projectId, ...SMALL, name },
      })
      made.push(data.result.id)
    }
    const ask = async (variables: object) =>
      (await w.as(tenant.owner)<Page>(LIST, { id: tenant.projectId, ...variables })).data.project.notebooks
    const filter = { states: ['STARTING'] }
    const first = await ask({ first: 2, filter })
    await w.remove(made[1] as string)
    expect(namesOf(await ask({ first: 2, filter, after: first.pageInfo.endCursor }))).toEqual(['c', 'd'])
  })

  test('are of 1 to 100 entries, 20 unless told', async () => {
    const refusal = async (first: number) => (await w.as(owner)(LIST, { id: projectId, first })).errors
    for (const first of [0, -1, 101])
      expect(await refusal(first)).toMatchObject([
        { message: 'first: must be from 1 to 100.', extensions: { code: 'VALIDATION' } },
      ])
    expect(await refusal(100)).toEqual([])
  })

  test('begin after cursors of the same order only', async () => {
    const { endCursor } = (await list({ first: 1, orderBy: { field: 'NAME', direction: 'ASC' } })).pageInfo
    const forged = (position: object) => Buffer.from(JSON.stringify(position)).toString('base64url')
    const id = uuidOf(ids[0] as string)
    const cursors = [
      endCursor,
      'nonsense',
      '',
      forged({ by: 'createdAt', at: 1e300, id }),
      forged({ by: 'createdAt', at: 0, id: 'x' }),
      forged({ by: 'deletedAt', at: 0, id }),
    ]
    for (const after of cursors)
      expect((await w.as(owner)(LIST, { id: projectId, after })).errors).toMatchObject([
        { message: 'after: is no cursor of a list in this order.', extensions: { code: 'VALIDATION' } },
      ])
  })

  test('of nothing are empty', async () => {
    const { projectId: id, owner: other } = await w.tenant()
    const { data } = await w.as(other)<Page>(LIST, { id })
    expect(data.project.notebooks).toEqual({
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    })
  })
})

describe('filters', () => {
  const filtered = async (filter: object) => namesOf(await list({ filter }))

  test('by part of the name in any case, by labels, by state, and all of them together', async () => {
    expect(await filtered({ name: 'ALP' })).toEqual(['alpha', 'alpha'])
    expect(await filtered({ labels: [{ name: 'team', value: 'water' }] })).toEqual(['alpha', 'bravo', 'alpha'])
    const both = [
      { name: 'team', value: 'water' },
      { name: 'nr', value: '3' },
    ]
    expect(await filtered({ labels: both })).toEqual(['bravo'])
    expect(await filtered({ states: ['RUNNING'] })).toEqual([])
    expect(await filtered({ states: ['RUNNING', 'STARTING'], name: 'e' })).toEqual(['echo', 'delta', 'charlie'])
    expect(await filtered({ states: [] })).toEqual([])
  })

  test('know no wildcards, and nothing that the database could not hold', async () => {
    expect(await filtered({ name: '%' })).toEqual([])
    expect(await filtered({ name: 'a_pha' })).toEqual([])
    expect(await filtered({ name: 'a\0' })).toEqual([])
    expect(await filtered({ labels: [{ name: 'team', value: '\0' }] })).toEqual([])
  })
})

/** How many SQL statements are sent while something is done. */
async function statements(done: () => Promise<unknown>): Promise<number> {
  const spy = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await done()
    return spy.mock.calls.length
  } finally {
    spy.mockRestore()
  }
}

describe('statements', () => {
  const WIDE = `query ($id: ID!, $first: Int) { project(id: $id) {
    eventCursor quota { vcpus { used } } currentCost { amount }
    notebooks(first: $first) { edges { node {
      name state url queuePosition eventCursor cost { amount } labels { name } workspace { lastSavedAt }
      flavor { available } unsaved { node volume { mountPath } }
      volumes { mountPath lastSync { state } source { ... on BucketSource { dataStore { name } } } }
    } } }
  } }`

  test('of a list do not grow with its length', async () => {
    const counts: number[] = []
    for (const first of [1, 7])
      counts.push(
        await statements(async () => expect((await w.as(owner)(WIDE, { id: projectId, first })).errors).toEqual([])),
      )
    expect(counts[0]).toBe(counts[1])
    // The token; the project; the notebooks with labels, copies, volumes and data stores joined; one for each of eight computed
    // fields; and the nodes, in whose queues the places are.
    expect(counts[1]).toBe(12)
  })

  test('of four levels of things are two, and one for the token: relations are joined', async () => {
    const query = `query ($id: ID!) { project(id: $id) { notebooks { edges { node {
      name volumes { mountPath source { ... on BucketSource { dataStore { name } } } } } } } } }`
    const count = await statements(async () => expect((await w.as(owner)(query, { id: projectId })).errors).toEqual([]))
    expect(count).toBe(3)
  })
})

describe('what a notebook’s runs cost', () => {
  const HOUR = 3_600_000

  const period = (notebookId: string, startedAt: Date, changes: object) =>
    w.database.billingPeriod.create({
      data: {
        projectId: uuidOf(projectId),
        notebookId: uuidOf(notebookId),
        nodeId: NODE,
        generation: 1,
        startedAt,
        flavor: 'ai1-1-cpu',
        units: 2,
        pricePerHourMicros: 30_000n,
        currency: 'EUR',
        ...changes,
      },
    })

  test('is live and exact, in periods newest first', async () => {
    const id = ids[0] as string
    const now = Date.now()
    await period(id, new Date(now - 90_000 - HOUR), {
      endedAt: new Date(now - 90_000),
      minutes: 60,
      endSource: 'ENGINE',
    })
    await period(id, new Date(now - 61_500), {})
    const { data } = await w.as(owner)<object>(
      `query ($id: ID!) { notebook(id: $id) { cost { amount currency }
        billingPeriods { edges { node { minutes units endSource amount { amount } pricePerHour { amount } flavor { id } } } } } }`,
      { id },
    )
    const node = (minutes: number, amount: string, endSource: string | null) => ({
      node: {
        minutes,
        units: 2,
        endSource,
        amount: { amount },
        pricePerHour: { amount: '0.03' },
        flavor: { id: 'ai1-1-cpu' },
      },
    })
    expect(data).toEqual({
      notebook: {
        cost: { amount: '0.062000', currency: 'EUR' },
        billingPeriods: { edges: [node(2, '0.002000', null), node(60, '0.060000', 'ENGINE')] },
      },
    })
  })

  test('counts for the project in the month in which each minute began', async () => {
    const tenant = await w.tenant()
    const { data } = await w.as(tenant.owner)<Result>(CREATE, { input: { projectId: tenant.projectId, ...SMALL } })
    const now = new Date()
    const month = Date.UTC(now.getUTCFullYear(), now.getUTCMonth())
    const own = { projectId: tenant.projectUuid, units: 1, pricePerHourMicros: 60_000_000n }
    // Begins 90 s before midnight: of its 5 minutes, which begin at -90, -30, 30, 90 and 150 s, three are this month's.
    await period(data.result.id, new Date(month - 90_000), { ...own, endedAt: new Date(month + 200_000), minutes: 5 })
    await period(data.result.id, new Date(month - HOUR), { ...own, endedAt: new Date(month - 100_000), minutes: 59 })
    const { data: cost } = await w.as(tenant.owner)<object>(
      'query ($id: ID!) { project(id: $id) { currentCost { amount } } }',
      { id: tenant.projectId },
    )
    expect(cost).toEqual({ project: { currentCost: { amount: '3.000000' } } })
  })
})

test('a forecast lets what runs go on to its limit, and with autoRestart to the month’s end', async () => {
  const now = new Date(Date.UTC(2026, 1, 28, 20))
  const hours = (count: number) => new Date(now.getTime() + count * 3_600_000)
  const { owner: user, projectId: id, projectUuid } = await w.tenant()
  const run = async (changes: object, endedAt: Date | null, startedAt = hours(-1)) => {
    const { data } = await w.as(user)<Result>(CREATE, { input: { projectId: id, ...SMALL } })
    const notebookId = uuidOf(data.result.id)
    await w.database.notebook.update({ where: { id: notebookId }, data: changes })
    const rest = { projectId: projectUuid, notebookId, nodeId: NODE, generation: 1, flavor: 'ai1-1-cpu', units: 1 }
    const minutes = endedAt && 60
    const price = { pricePerHourMicros: 1_000_000n, currency: 'EUR', minutes }
    await w.database.billingPeriod.create({ data: { ...rest, ...price, startedAt, endedAt } })
  }
  await run({ stopsAt: hours(1) }, null)
  await run({ stopsAt: hours(100) }, null)
  await run({ stopsAt: hours(1), autoRestart: true }, null)
  await run({ stopsAt: hours(-1) }, null)
  await run({}, hours(-5), hours(-6))
  const costs = await projectCosts(w.database, [projectUuid], now)
  const forecasts = await projectForecasts(w.database, [projectUuid], now)
  const inHours = (numerator: bigint | undefined) => Number(numerator) / 60 / 1_000_000
  expect(inHours(costs.get(projectUuid))).toBe(4 + 1)
  // Four hours are left of the month.
  expect(inHours(forecasts.get(projectUuid))).toBe(2 + 5 + 5 + 1 + 1)
})

test('queued notebooks know their place in the queue, in which those of other projects stand between them', async () => {
  const query = 'query ($id: ID!) { project(id: $id) { notebooks { edges { node { queuePosition } } } } }'
  const placesOf = async (user: User, id: string) => {
    const { data } = await w.as(user)<{ project: { notebooks: { edges: { node: { queuePosition: number } }[] } } }>(
      query,
      { id },
    )
    return data.project.notebooks.edges.map(({ node }) => node.queuePosition)
  }
  const before = await placesOf(owner, projectId)
  expect(before).toHaveLength(7)
  expect(before).toEqual([...new Set(before)].sort((one, other) => one - other))

  const newcomer = await w.tenant()
  await w.as(newcomer.owner)(CREATE, { input: { projectId: newcomer.projectId, ...SMALL } })
  const [place] = await placesOf(newcomer.owner, newcomer.projectId)
  // The other holds nothing yet and was first; what it has in the queue counts as held by the rest of its notebooks.
  expect(place).toBeGreaterThan(before[0] as number)
  expect(await placesOf(owner, projectId)).toEqual(before.map((each, index) => (index === 0 ? each : each + 1)))
})

test('a volume shows its newest sync, and the workspace when it was last saved', async () => {
  const notebookId = uuidOf(ids[2] as string)
  const [volume] = await w.database.volume.findMany({ where: { notebookId }, orderBy: { index: 'asc' } })
  const operation = crypto.randomUUID()
  const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute))
  const sync = { notebookId, operation }
  await w.database.dataSync.createMany({
    data: [
      { ...sync, volumeId: volume?.id ?? null, direction: 'PULL', state: 'DONE', createdAt: at(1) },
      { ...sync, volumeId: volume?.id ?? null, direction: 'PUSH', state: 'FAILED', createdAt: at(2), message: 'No.' },
      { ...sync, direction: 'PUSH', state: 'DONE', createdAt: at(3), endedAt: at(4) },
      { ...sync, direction: 'PUSH', state: 'FAILED', createdAt: at(5), endedAt: at(6) },
    ],
  })
  const { data } = await w.as(owner)<object>(
    `query ($id: ID!) { notebook(id: $id) {
      volumes { lastSync { state direction message } } workspace { lastSavedAt } syncs(first: 1) { edges { node { state volume { id } } } }
    } }`,
    { id: ids[2] },
  )
  expect(data).toEqual({
    notebook: {
      volumes: [{ lastSync: { state: 'FAILED', direction: 'PUSH', message: 'No.' } }, { lastSync: null }],
      workspace: { lastSavedAt: at(4).toISOString() },
      syncs: { edges: [{ node: { state: 'FAILED', volume: null } }] },
    },
  })
})
