/** Streams of events: complete, in order, resumable from any cursor, and on every replica. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/domain/clock.ts'
import { decodeCursor, encodeCursor } from '../../src/domain/events.ts'
import { Hub } from '../../src/events/hub.ts'
import { EventStreams } from '../../src/events/streams.ts'
import { beginning, seqOf, tail, take, tenantWith } from './tailing.ts'
import { uuidOf, type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

test('changes that commit at the same time come without gaps, each once and in order', async () => {
  const tenant = await tenantWith(w, 12)
  const items = tail(w, { ...tenant, after: await beginning(w, tenant.projectUuid) })
  const runs = Promise.all(tenant.ids.map((id) => w.run(id)))
  const seen = await take(items, 12 * 6)
  await runs
  expect(seen.map(seqOf)).toEqual(Array.from({ length: 12 * 6 }, (_, index) => BigInt(index + 1)))
  await items.return?.()
})

test('a subscriber that went on reading late gets everything that happened meanwhile', async () => {
  const tenant = await tenantWith(w, 24)
  const items = tail(w, { ...tenant, after: await beginning(w, tenant.projectUuid) })
  await take(items, 1)
  for (const id of tenant.ids) await w.run(id)
  expect((await take(items, 143)).map(seqOf)).toEqual(Array.from({ length: 143 }, (_, index) => BigInt(index + 2)))
  await items.return?.()
})

test('from any cursor the rest follows, and one cursor is good for the project and for its notebooks', async () => {
  const tenant = await tenantWith(w, 2)
  for (const id of tenant.ids) await w.run(id)
  const all = await take(tail(w, { ...tenant, after: await beginning(w, tenant.projectUuid) }), 12)
  const [, second] = tenant.ids
  for (const [index, { cursor }] of all.entries()) {
    const rest = all.slice(index + 1)
    expect(await take(tail(w, { ...tenant, after: cursor }), rest.length)).toEqual(rest)
    const own = rest.filter((item) => 'notebookId' in item && item.notebookId === uuidOf(second as string))
    expect(await take(tail(w, { ...tenant, notebookId: second as string, after: cursor }), own.length)).toEqual(own)
  }
})

test('without a cursor a stream begins at the present', async () => {
  const tenant = await tenantWith(w, 1)
  const [id] = tenant.ids as [string]
  await w.run(id)
  const items = tail(w, tenant)
  let isThere = false
  const first = items.next().finally(() => {
    isThere = true
  })
  const warning = { type: 'NotebookWarned', code: 'RETRYING', message: 'It goes on.', dueAt: null } as const
  while (!isThere) await w.change(id, { events: [warning] })
  expect((await first).value).toMatchObject({ event: warning })
  await items.return?.()
})

describe('a cursor that is of no use', () => {
  test('from the future is answered by a reset, and the stream goes on from the present', async () => {
    const tenant = await tenantWith(w, 1)
    const { streamEpoch } = await w.database.project.findUniqueOrThrow({ where: { id: tenant.projectUuid } })
    const items = tail(w, { ...tenant, after: encodeCursor({ epoch: streamEpoch, seq: 1_000_000n }) })
    const [reset] = await take(items, 1)
    expect(reset).toMatchObject({
      event: { type: 'StreamReset' },
      cursor: encodeCursor({ epoch: streamEpoch, seq: 1n }),
    })
    await w.move(tenant.ids[0] as string, 'STARTING', 'PULLING_DATA')
    expect(await take(items, 1)).toMatchObject([{ event: { phase: 'PULLING_DATA' } }])
    await items.return?.()
  })

  test('from before a restore too, also when the restore comes while the stream is open', async () => {
    const tenant = await tenantWith(w, 1)
    const before = await beginning(w, tenant.projectUuid)
    const open = tail(w, { ...tenant, after: before })
    await take(open, 1)
    const waiting = open.next()
    await w.database.project.update({ where: { id: tenant.projectUuid }, data: { streamEpoch: 'feedfeedfeed' } })
    expect((await waiting).value).toMatchObject({ event: { type: 'StreamReset' } })
    expect(await take(tail(w, { ...tenant, after: before }), 1)).toMatchObject([{ event: { type: 'StreamReset' } }])
    await open.return?.()
  })
})

test('who lists and then subscribes after the cursor of the list misses nothing that happens meanwhile', async () => {
  const tenant = await tenantWith(w, 1)
  const [id] = tenant.ids
  const query = 'query ($id: ID!) { notebook(id: $id) { state phase eventCursor project { eventCursor } } }'
  interface Seen {
    notebook: { state: string; phase: string | null; eventCursor: string; project: { eventCursor: string } }
  }
  const run = w.run(id as string)
  for (let round = 0; round < 20; round += 1) {
    const { data } = await w.as(tenant.owner)<Seen>(query, { id })
    const { eventCursor, state, phase } = data.notebook
    const replayed = await w.parts.streams.page(
      { projectId: tenant.projectUuid, notebookId: null, label: null },
      eventCursor,
      100,
    )
    const missed = await w.database.event.findMany({
      where: { projectId: tenant.projectUuid, seq: { lte: decodeCursor(eventCursor)?.seq ?? 0n } },
      orderBy: { seq: 'desc' },
      take: 1,
    })
    // What was shown is what the event before the cursor says; everything later is replayed.
    const [last] = missed.map(({ type, payload }) => ({ type, ...(payload as { phase?: string; to?: string }) }))
    if (last?.type === 'PhaseChanged') expect(phase).toBe(last.phase)
    if (last?.type === 'StateChanged') expect(state).toBe(last.to)
    if (state === 'RUNNING') expect(replayed).toEqual([])
  }
  await run
})

describe('replicas', () => {
  test('every one hears of a change that any one made', async () => {
    const tenant = await tenantWith(w, 1)
    const other = await w.anotherReplica()
    const items = tail(w, { ...tenant, streams: other.parts.streams, after: await beginning(w, tenant.projectUuid) })
    await take(items, 1)
    const next = items.next()
    const begun = performance.now()
    await w.move(tenant.ids[0] as string, 'STARTING', 'PULLING_DATA')
    expect((await next).value).toMatchObject({ event: { phase: 'PULLING_DATA' } })
    expect(performance.now() - begun).toBeLessThan(400)
    await items.return?.()
  })

  test('one that hears nothing finds out by looking', async () => {
    const tenant = await tenantWith(w, 1)
    const deaf = new Hub({ database: w.database, clock: systemClock, log: w.log })
    deaf.start()
    const streams = new EventStreams({ database: w.database, hub: deaf, clock: systemClock })
    const items = tail(w, { ...tenant, streams, after: await beginning(w, tenant.projectUuid) })
    await take(items, 1)
    const next = items.next()
    await w.move(tenant.ids[0] as string, 'STARTING', 'PULLING_DATA')
    expect((await next).value).toMatchObject({ event: { phase: 'PULLING_DATA' } })
    await items.return?.()
    await deaf.close()
  })

  test('one whose listening connection breaks hears again, and misses nothing', async () => {
    const tenant = await tenantWith(w, 1)
    const items = tail(w, { ...tenant, after: await beginning(w, tenant.projectUuid) })
    await take(items, 1)
    await w.database.$queryRaw`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'cahier listener' AND datname = current_database()`
    const heard = () => w.database.$queryRaw<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`
    await w.move(tenant.ids[0] as string, 'STARTING', 'PULLING_DATA')
    expect(await take(items, 1)).toMatchObject([{ event: { phase: 'PULLING_DATA' } }])
    await expect.poll(async () => (await heard()).length, { timeout: 5000 }).toBeGreaterThan(0)
    w.logged.length = 0
    await items.return?.()
  })
})

describe('a notebook’s stream', () => {
  test('ends after its deletion, also for who comes back later', async () => {
    const tenant = await tenantWith(w, 1)
    const [id] = tenant.ids as [string]
    await w.remove(id)
    const after = await beginning(w, tenant.projectUuid)
    const all = await Array.fromAsync(tail(w, { ...tenant, notebookId: id, after }))
    expect(all.at(-1)).toMatchObject({ event: { type: 'NotebookDeleted' } })
    const scope = { projectId: tenant.projectUuid, notebookId: uuidOf(id), label: null }
    const watch = { scope, viewer: tenant.owner.viewer, after: all.at(-1)?.cursor ?? null, ended: true }
    expect(await Array.fromAsync(w.parts.streams.tail(watch))).toEqual([])
  })
})

test('a subscriber that leaves while it waits ends at once and is forgotten', async () => {
  const tenant = await tenantWith(w, 1)
  const before = w.hub.subscribers
  const items = tail(w, tenant)
  const waiting = items.next()
  expect(w.hub.subscribers).toBe(before + 1)
  await items.return?.()
  expect(await waiting).toMatchObject({ done: true })
  expect(w.hub.subscribers).toBe(before)
})

test('events are listed in order in pages after a cursor', async () => {
  const tenant = await tenantWith(w, 1)
  const [id] = tenant.ids as [string]
  await w.run(id)
  const query = `query ($id: ID!, $after: EventCursor, $first: Int) { project(id: $id) {
    events(after: $after, first: $first) { __typename ... on NotebookEvent { cursor } ... on StreamReset { cursor } } } }`
  interface Listed {
    project: { events: { __typename: string; cursor: string }[] }
  }
  const list = async (variables: object) =>
    (await w.as(tenant.owner)<Listed>(query, { id: tenant.projectId, ...variables })).data.project.events
  const all = await list({})
  expect(all.map(({ __typename }) => __typename)).toEqual([
    'NotebookCreated',
    ...Array.from({ length: 4 }, () => 'PhaseChanged'),
    'StateChanged',
  ])
  const first = await list({ first: 2 })
  expect(await list({ first: 10, after: first[1]?.cursor })).toEqual(all.slice(2))
  expect(await list({ after: encodeCursor({ epoch: 'feedfeedfeed', seq: 1n }) })).toMatchObject([
    { __typename: 'StreamReset' },
  ])
})
