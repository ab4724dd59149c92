/** A month's bill: every minute in the month in which it began, exact, and closed when nothing can change it any more. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { amountNumerator, commencedMinutes } from '../../src/domain/billing.ts'
import { boundsOf, type YearMonth } from '../../src/domain/month.ts'
import { statementOf } from '../../src/usecases/statements.ts'
import { CREATE, type Result, SMALL } from './documents.ts'
import { NODE, uuidOf, type World, world } from './world.ts'

const MINUTE = 60_000
const MONTH: YearMonth = '2026-02'
const { from, to } = boundsOf(MONTH)
const MONTHS: readonly YearMonth[] = ['2026-01', '2026-02', '2026-03']

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

/** A project with a notebook, and what is needed to bill it. */
async function billed() {
  const tenant = await w.tenant()
  const create = async (name: string) => {
    const { data } = await w.as(tenant.owner)<Result>(CREATE, {
      input: { projectId: tenant.projectId, ...SMALL, name },
    })
    return uuidOf(data.result.id)
  }
  const notebookId = await create('first')
  /** In ms from the month's beginning; null: it goes on. */
  const run = async (start: number, end: number | null, changes: object = {}) => {
    const startedAt = new Date(from.getTime() + start)
    const endedAt = end === null ? null : new Date(from.getTime() + end)
    const minutes = endedAt && commencedMinutes(startedAt, endedAt)
    const price = { flavor: 'ai1-1-cpu', units: 1, pricePerHourMicros: 30_000n, currency: 'EUR' }
    const rest = { projectId: tenant.projectUuid, notebookId, nodeId: NODE, generation: 1 }
    return w.database.billingPeriod.create({ data: { ...rest, ...price, startedAt, endedAt, minutes, ...changes } })
  }
  const statement = (now = new Date(to.getTime() + 365 * 24 * 60 * MINUTE), month = MONTH) =>
    statementOf(w.database, tenant.owner.viewer, tenant.projectUuid, month, now)
  return { ...tenant, notebookId, create, run, statement }
}

test('10 h of 2 GPUs at 1.93 €/h are 38.60 €, and 15 notebooks of 5 h on a CPU at 0.03 €/h 2.25 €', async () => {
  const { owner, projectId, create, run } = await billed()
  await run(0, 600 * MINUTE, { flavor: 'ai1-1-gpu', units: 2, pricePerHourMicros: 1_930_000n })
  for (let n = 0; n < 15; n += 1) await run(0, 300 * MINUTE, { notebookId: await create(`n${n}`) })
  const query = `query ($id: ID!, $month: YearMonth!) { project(id: $id) { statement(month: $month) {
    month isClosed totals { amount currency }
    lines { notebookName flavor { id } minutes unitMinutes amount { amount } pricePerHour { amount } notebook { name } }
  } } }`
  const { data, errors } = await w.as(owner)<{ project: { statement: { lines: object[] } } }>(query, {
    id: projectId,
    month: MONTH,
  })
  expect(errors).toEqual([])
  expect(data.project.statement).toMatchObject({
    month: MONTH,
    isClosed: true,
    totals: [{ amount: '40.85', currency: 'EUR' }],
  })
  expect(data.project.statement.lines).toHaveLength(16)
  expect(data.project.statement.lines[0]).toEqual({
    notebookName: 'first',
    notebook: { name: 'first' },
    flavor: { id: 'ai1-1-gpu' },
    minutes: 600,
    unitMinutes: '1200',
    pricePerHour: { amount: '1.93' },
    amount: { amount: '38.600000' },
  })
})

test('a minute belongs to the month in which it began, whatever the run’s length: none is lost and none is doubled', async () => {
  const { run, statement } = await billed()
  const moment = fc.integer({ min: -31 * 24 * 60 * MINUTE, max: 28 * 24 * 60 * MINUTE + 3 * MINUTE })
  await fc.assert(
    fc.asyncProperty(moment, fc.integer({ min: 0, max: 29 * 24 * 60 * MINUTE }), async (start, length) => {
      const { id, minutes } = await run(start, start + length)
      const parts = await Promise.all(MONTHS.map((month) => statement(undefined, month)))
      const seen = parts.map(({ lines }) => lines[0]?.minutes ?? 0)
      await w.database.billingPeriod.delete({ where: { id } })
      const expected = MONTHS.map((month) => minutesBegunIn(month, from.getTime() + start, minutes ?? 0))
      expect(seen).toEqual(expected)
      // What began in January or ended in April is beyond these three months.
      if (start >= -30 * 24 * 60 * MINUTE) expect(seen.reduce((sum, part) => sum + part, 0)).toBe(minutes)
    }),
    { numRuns: 40 },
  )
})

/** Counted one by one, as the rule says. */
function minutesBegunIn(month: YearMonth, startedAt: number, minutes: number): number {
  const bounds = boundsOf(month)
  let count = 0
  for (let minute = 0; minute < minutes; minute += 1) {
    const begins = startedAt + minute * MINUTE
    if (begins >= bounds.from.getTime() && begins < bounds.to.getTime()) count += 1
  }
  return count
}

test('a line is for one notebook, flavor and price; its amount is the exact sum of its runs', async () => {
  const { run, statement } = await billed()
  await run(0, 10 * MINUTE)
  await run(20 * MINUTE, 21 * MINUTE)
  await run(30 * MINUTE, 40 * MINUTE, { pricePerHourMicros: 40_000n })
  const { lines } = await statement()
  expect(lines.map(({ minutes, numerator }) => [minutes, numerator]).sort()).toEqual([
    [10, amountNumerator({ minutes: 10, units: 1, pricePerHourMicros: 40_000n })],
    [11, amountNumerator({ minutes: 11, units: 1, pricePerHourMicros: 30_000n })],
  ])
})

test('a run that goes on counts until now, and not beyond the month', async () => {
  const { run, statement } = await billed()
  await run(0, null)
  expect((await statement(new Date(from.getTime() + 61_000))).lines).toMatchObject([{ minutes: 2 }])
  expect((await statement()).lines).toMatchObject([{ minutes: 28 * 24 * 60 }])
})

test('a month closes 72 h after its end, but not while an end before midnight is unknown', async () => {
  const { run, statement, notebookId } = await billed()
  const hoursAfter = (hours: number) => new Date(to.getTime() + hours * 60 * MINUTE)
  const isClosed = async (hours: number) => (await statement(hoursAfter(hours))).isClosed
  expect([await isClosed(-1), await isClosed(71), await isClosed(72)]).toEqual([false, false, true])
  await run(0, null)
  expect(await isClosed(100)).toBe(false)
  const container = { notebookId, generation: 1, role: 'NOTEBOOK', purpose: 'RUN', nodeId: NODE } as const
  const seen = (lastSeenAliveAt: Date) => w.database.container.update({ where: { id: 'c' }, data: { lastSeenAliveAt } })
  await w.database.container.create({ data: { id: 'c', ...container, lastSeenAliveAt: hoursAfter(-1) } })
  expect(await isClosed(100)).toBe(false)
  await seen(hoursAfter(0))
  expect(await isClosed(100)).toBe(true)
})

test('deleted notebooks stay on the bill, currencies are not added up, and a month without runs costs nothing', async () => {
  const { owner, projectId, notebookId, run } = await billed()
  await run(0, 60 * MINUTE)
  await run(60 * MINUTE, 120 * MINUTE, { currency: 'CHF' })
  await w.database.notebook.update({ where: { id: notebookId }, data: { deletedAt: new Date() } })
  const query = `query ($id: ID!) { project(id: $id) {
    february: statement(month: "${MONTH}") { csv totals { amount currency } lines { notebook { id } } }
    march: statement(month: "2026-03") { csv totals { amount } lines { minutes } }
  } }`
  const { data } = await w.as(owner)<Record<string, Record<string, { totals: object[]; csv: string }>>>(query, {
    id: projectId,
  })
  const { february, march } = data.project as { february: { totals: object[]; csv: string }; march: object }
  expect(february.totals).toHaveLength(2)
  expect(february.totals).toEqual(
    expect.arrayContaining(['EUR', 'CHF'].map((currency) => ({ amount: '0.03', currency }))),
  )
  expect(february).toMatchObject({ lines: [{ notebook: null }, { notebook: null }] })
  const head = 'month,notebook_id,notebook_name,flavor,price_per_hour,currency,minutes,unit_minutes,amount\r\n'
  expect(february.csv.startsWith(head)).toBe(true)
  expect(february.csv).toContain(`${MONTH},${notebookId},first,ai1-1-cpu,0.03,EUR,60,60,0.030000\r\n`)
  expect(march).toEqual({ csv: head, totals: [], lines: [] })
})

test('what is no month is refused', async () => {
  const { owner, projectId } = await billed()
  const query = 'query ($id: ID!, $m: YearMonth!) { project(id: $id) { statement(month: $m) { isClosed } } }'
  const { errors } = await w.as(owner)(query, { id: projectId, m: '2026-13' })
  expect(errors[0]?.message).toContain('is no YearMonth')
})
