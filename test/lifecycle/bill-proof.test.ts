/** Bills are proved by the events alone; whatever is changed on record, the proof tells. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { boundsOf, monthOf } from '../../src/domain/month.ts'
import { verifyBills } from '../../src/usecases/verify-bills.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

const ALL = { projectId: null, month: null }

let w: World
let stopped: string
let runs: string
let periodId: string
beforeAll(async () => {
  w = await world()
  const controller = w.control()
  stopped = await w.running()
  runs = await w.running()
  await w.clock.advance(3600)
  await w.wish(stopped, stop)
  await w.until(stopped, isSettled)
  await w.start(stopped)
  await w.until(stopped, isRunning)
  w.daemon.end(await w.containerOf(stopped), { code: 3, oomKilled: false })
  await w.until(stopped, isSettled)
  // Over the end of the month.
  await w.clock.advance((boundsOf(monthOf(w.clock.now())).to.getTime() - w.clock.now().getTime()) / 1000 + 90)
  await w.until(runs, isRunning)
  await controller.stop()
  const [period] = await w.periods(stopped)
  periodId = period?.id ?? ''
})
afterAll(() => w[Symbol.asyncDispose]())

const proof = () => verifyBills(w.database, ALL)

test('what the control plane wrote is proved: runs that ended by wish and by themselves, and one that goes on over two months', async () => {
  expect(await proof()).toMatchObject({ projects: 1, runs: 3, unprovable: 0, faults: [] })
  expect((await proof()).statements).toBeGreaterThanOrEqual(2)
  const month = monthOf(w.clock.now())
  expect(await verifyBills(w.database, { projectId: w.project.id, month })).toMatchObject({ statements: 1, faults: [] })
})

describe('npm run billing:verify', () => {
  const command = (...args: string[]) => {
    const env = { ...process.env, DATABASE_URL: w.url, CAHIER_HOME: '/nonexistent' }
    const program = fileURLToPath(new URL('../../src/billing-verify.ts', import.meta.url))
    return new Promise<{ code: unknown; output: string }>((resolve) =>
      execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? error.code : 0, output: stdout + stderr }),
      ),
    )
  }

  test('says what it went through, and how many differences there are', async () => {
    const month = monthOf(w.clock.now())
    expect(await command('--project', w.project.id, '--month', month)).toEqual({
      code: 0,
      output: '3 runs and 1 statements of 1 projects: 0 differences to the events.\n',
    })
  })

  test('ends with 1 where a bill is not what the events tell', async () => {
    await w.database.billingPeriod.update({ where: { id: periodId }, data: { minutes: 62 } })
    const { code, output } = await command()
    await w.database.billingPeriod.update({ where: { id: periodId }, data: { minutes: 61 } })
    expect(code).toBe(1)
    expect(output).toContain('its minutes is 62 on record and 61 by the events.')
  })

  test.each([['--month', '2026-13'], ['--project', 'mine'], ['--all']])(
    'refuses %s %s with a sentence',
    async (...args) => {
      const { code, output } = await command(...args)
      expect(code).toBe(1)
      expect(output).toMatch(/^The bills were not verified\./)
    },
  )
})

describe('a difference is told:', () => {
  beforeEach(() => expect(proof()).resolves.toMatchObject({ faults: [] }))

  test.each([
    ['minutes', 61, 7],
    ['units', 1, 2],
    ['pricePerHourMicros', 30_000n, 29_999n],
    ['endSource', 'TRANSACTION', 'LIVENESS'],
    ['waivedMinutes', 0, 3],
    ['flavor', 'ai1-1-cpu', 'l4-1-gpu'],
  ])('another %s', async (field, told, written) => {
    const { [field as 'minutes']: before } = await w.database.billingPeriod.findUniqueOrThrow({
      where: { id: periodId },
    })
    await w.database.billingPeriod.update({ where: { id: periodId }, data: { [field]: written } })
    const { faults } = await proof()
    await w.database.billingPeriod.update({ where: { id: periodId }, data: { [field]: before } })
    expect(faults.join('\n')).toContain(`its ${field} is ${written} on record and ${told} by the events.`)
  })

  test('a period too few, a period too many', async () => {
    const row = await w.database.billingPeriod.delete({ where: { id: periodId } })
    const tooFew = await proof()
    await w.database.billingPeriod.create({ data: row })
    const { id: _, ...rest } = row
    const other = { ...rest, startedAt: new Date(0), endedAt: new Date(60_000), minutes: 1 }
    const { id } = await w.database.billingPeriod.create({ data: other })
    const tooMany = await proof()
    await w.database.billingPeriod.delete({ where: { id } })
    expect(tooFew.faults.join('\n')).toContain('the events tell of it, and there is no billing period.')
    expect(tooMany.faults.join('\n')).toContain('there is a billing period, and no event of a run.')
  })

  test('a run that was left or entered twice', async () => {
    const entered = { notebookId: runs, type: 'StateChanged', payload: { path: ['to'], equals: 'RUNNING' } }
    const event = await w.database.event.findFirstOrThrow({ where: entered })
    const seq = event.seq + 1_000_000n
    await w.database.event.create({ data: { ...event, payload: event.payload as object, seq } })
    const { faults } = await proof()
    await w.database.event.delete({ where: { projectId_seq: { projectId: event.projectId, seq } } })
    expect(faults.join('\n')).toContain(`notebook ${runs} entered RUNNING, where it was.`)
  })
})

test('runs of a time when events did not tell their price are counted, and not called wrong', async () => {
  const where = { notebookId: runs, type: 'StateChanged', payload: { path: ['to'], equals: 'RUNNING' } }
  const { projectId, seq, payload } = await w.database.event.findFirstOrThrow({ where })
  const { terms: _, ...old } = payload as Record<string, string>
  const key = { projectId_seq: { projectId, seq } }
  await w.database.event.update({ where: key, data: { payload: old } })
  expect(await proof()).toMatchObject({ runs: 3, unprovable: 1, faults: [] })
  await w.database.event.update({ where: key, data: { payload: payload as object } })
})

test('periods of one notebook cannot overlap, whatever writes', async () => {
  const { id: _, ...row } = await w.database.billingPeriod.findUniqueOrThrow({ where: { id: periodId } })
  const within = { ...row, startedAt: new Date(row.startedAt.getTime() + 1000) }
  await expect(w.database.billingPeriod.create({ data: within })).rejects.toThrow('BillingPeriod_no_overlap')
})
