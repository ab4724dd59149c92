/** What a run costs, told as CostAccrued once per commenced minute to whoever listens, and written nowhere. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Hub } from '../../src/events/hub.ts'
import type { StreamItem } from '../../src/events/items.ts'
import { EventStreams } from '../../src/events/streams.ts'
import { TestClock } from '../testkit/clock.ts'
import { seqOf, tail, take, tenantWith } from './tailing.ts'
import { NODE, uuidOf, type World, world } from './world.ts'

let w: World
let clock: TestClock
let hub: Hub
let streams: EventStreams
beforeAll(async () => {
  w = await world()
  clock = await TestClock.of(w.database)
})
beforeEach(() => {
  hub = new Hub({ database: w.database, clock, log: w.log })
  hub.start()
  streams = new EventStreams({ database: w.database, hub, clock })
})
afterEach(() => hub.close())
afterAll(() => w[Symbol.asyncDispose]())

/** A run of two units at 0.03 an hour; ended: of so many minutes, an hour ago. */
async function runs(notebookId: string, projectId: string, minutes: number | null = null): Promise<void> {
  const price = { flavor: 'ai1-1-cpu', units: 2, pricePerHourMicros: 30_000n, currency: 'EUR' }
  const now = clock.now().getTime()
  const startedAt = new Date(minutes === null ? now : now - 3_600_000)
  const endedAt = minutes === null ? null : new Date(startedAt.getTime() + minutes * 60_000)
  const run = { notebookId: uuidOf(notebookId), projectId, nodeId: NODE, generation: 1, startedAt, endedAt, minutes }
  await w.database.billingPeriod.create({ data: { ...run, ...price } })
}

async function next(items: AsyncIterator<StreamItem>) {
  const [item] = await take(items, 1)
  if (item?.event.type !== 'CostAccrued') return item?.event.type
  const { minutes, numerator } = item.event
  return { minutes, numerator, item }
}

test('comes when a run begins and with each minute of it, with what all the notebook’s runs cost', async () => {
  const tenant = await tenantWith(w, 1)
  const [id] = tenant.ids as [string]
  await runs(id, tenant.projectUuid, 10)
  const items = tail(w, { ...tenant, streams })
  const began = next(items)
  await runs(id, tenant.projectUuid)
  await w.move(id, 'STARTING', 'PULLING_DATA')
  expect(await began).toBe('PhaseChanged')
  const before = await w.database.event.count()
  expect(await next(items)).toMatchObject({ minutes: 1, numerator: 11n * 60_000n })
  await clock.advance(60)
  expect(await next(items)).toMatchObject({ minutes: 2, numerator: 12n * 60_000n })
  await clock.advance(120)
  expect(await next(items)).toMatchObject({ minutes: 4, numerator: 14n * 60_000n })
  expect(await w.database.event.count()).toBe(before)
  await items.return?.()
})

test('is not repeated to who comes later, and carries the cursor of the last kept event', async () => {
  const tenant = await tenantWith(w, 2)
  const [id, other] = tenant.ids as [string, string]
  await runs(id, tenant.projectUuid)
  await runs(other, tenant.projectUuid)
  const early = tail(w, { ...tenant, streams })
  await take(early, 2)
  const late = tail(w, { ...tenant, notebookId: id, streams })
  const first = next(late)
  await clock.advance(60)
  const { eventCounter } = await w.database.project.findUniqueOrThrow({ where: { id: tenant.projectUuid } })
  const answer = await first
  expect(answer).toMatchObject({ minutes: 2, item: { notebookId: uuidOf(id) } })
  expect(typeof answer === 'object' && seqOf(answer.item)).toBe(eventCounter)
  await Promise.all([early.return?.(), late.return?.()])
})
