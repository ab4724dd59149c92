/** The budget of a project: who runs is told how much of it is used, and one that stops is never exceeded by more than a minute per run. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../src/access/tokens.ts'
import { BudgetReachedError } from '../../src/domain/errors.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { boundsOf, monthOf } from '../../src/domain/month.ts'
import { projectCosts } from '../../src/store/costs.ts'
import { setBudget } from '../../src/usecases/budgets.ts'
import { createNotebook } from '../../src/usecases/create-notebook.ts'
import { startNotebook } from '../../src/usecases/notebooks.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { isSettled, type World, world } from './world.ts'

const MINUTE = 60
const DAY = 86_400

/** 20 minutes of the flavor: 0.03 an hour. */
const TWENTY_MINUTES = '0.01'

let w: World
let owner: Viewer
beforeEach(async () => {
  w = await world()
  const members = { create: { projectId: w.project.id, role: 'OWNER' } } as const
  owner = await viewerFor(await w.database.user.create({ data: { name: 'owner', members } }))
})
afterEach(() => w[Symbol.asyncDispose]())

/** Set, and judged for the first time. */
async function budget(onBudgetReached: 'STOP' | 'NOTIFY', amount = TWENTY_MINUTES): Promise<void> {
  await setBudget(w.parts, owner, { projectId: encodeId('Project', w.project.id), amount, onBudgetReached })
  await w.untilTrue(async () => (await terms()).month !== null)
}

const terms = () => w.database.budget.findUniqueOrThrow({ where: { projectId: w.project.id } })

/** Jumps to so many seconds after the beginning of the notebook's run. */
async function advanceTo(id: string, seconds: number): Promise<void> {
  const { startedAt } = await w.database.billingPeriod.findFirstOrThrow({ where: { notebookId: id, endedAt: null } })
  await w.clock.advance((startedAt.getTime() - w.clock.now().getTime()) / 1000 + seconds)
}

/** Later than now, and earlier than that. */
function isAhead(moment: Date | null, than: Date | null = null): boolean {
  return moment !== null && moment > w.clock.now() && (than === null || moment < than)
}

async function warned(id: string): Promise<string[]> {
  const where = { notebookId: id, type: 'NotebookWarned', payload: { path: ['code'], equals: 'BUDGET_USED' } }
  const events = await w.database.event.findMany({ where, orderBy: { seq: 'asc' } })
  return events.map(({ payload }) => /used (\d+ %)/.exec((payload as { message: string }).message)?.[1] ?? '')
}
const untilWarned = (id: string, count: number) => w.until(id, async () => (await warned(id)).length === count)

/** What the month has cost, in minutes of the flavor. */
async function spentMinutes(): Promise<number> {
  const costs = await projectCosts(w.database, [w.project.id], w.clock.now())
  return Number(costs.get(w.project.id) ?? 0n) / 30_000
}

describe('a budget that stops', () => {
  test('ends every run before the first minute that would exceed it, saved as by the user, with the reason BUDGET', async () => {
    w.control()
    const ids = [await w.running(), await w.running()]
    await budget('STOP')
    const { stopAt } = await terms()
    const [first] = await w.periods(ids[0] as string)
    expect(stopAt).toEqual(new Date((first?.startedAt.getTime() ?? 0) + 10 * MINUTE * 1000))
    await advanceTo(ids[0] as string, 10 * MINUTE - 5)
    for (const id of ids) {
      expect(await w.until(id, isSettled)).toMatchObject({
        state: 'STOPPED',
        reason: 'BUDGET',
        message: 'Stopped because the project’s budget for the month is used up.',
      })
      expect(await w.transitions(id)).toContain('SAVING_WORKSPACE')
      expect(await w.periods(id)).toMatchObject([{ minutes: 10, waivedMinutes: 0, endSource: 'TRANSACTION' }])
    }
    expect(await spentMinutes()).toBe(20)
  })

  test('ends starts that are under way, too', async () => {
    w.editor.isReady = false
    w.control()
    const { id } = await w.notebook()
    await w.until(id, ({ phase }) => phase === 'STARTING_CONTAINER')
    await setBudget(w.parts, owner, {
      projectId: encodeId('Project', w.project.id),
      amount: '0',
      onBudgetReached: 'STOP',
    })
    w.editor.isReady = true
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'BUDGET' })
    expect(await spentMinutes()).toBeLessThanOrEqual(1)
  })

  test('refuses starts and new notebooks, and says what it is and what was used; a raise lifts that', async () => {
    w.control()
    const id = await w.running()
    await budget('STOP')
    await advanceTo(id, 20 * MINUTE - 5)
    await w.until(id, isSettled)
    const start = () => startNotebook(w.parts, owner, { notebookId: encodeId('Notebook', id) })
    await expect(start()).rejects.toMatchObject({
      code: 'BUDGET_REACHED',
      budget: { amount: '0.01', currency: 'EUR' },
      spent: { amount: '0.010000', currency: 'EUR' },
    })
    const projectId = encodeId('Project', w.project.id)
    const input = { projectId, editor: 'jupyterlab', framework: 'python', flavor: 'ai1-1-cpu' }
    await expect(createNotebook(w.parts, owner, input)).rejects.toBeInstanceOf(BudgetReachedError)
    await budget('STOP', '0.02')
    await start()
    await w.until(id, ({ state }) => state === 'RUNNING')
  })

  test('does not refuse in the next month', async () => {
    w.control()
    const id = await w.running()
    await budget('STOP')
    await advanceTo(id, 20 * MINUTE - 5)
    await w.until(id, isSettled)
    const now = w.clock.now()
    await w.clock.advance((boundsOf(monthOf(now)).to.getTime() - now.getTime()) / 1000)
    await startNotebook(w.parts, owner, { notebookId: encodeId('Notebook', id) })
    await w.until(id, ({ state }) => state === 'RUNNING')
    await w.untilTrue(async () => isAhead((await terms()).stopAt))
    await advanceTo(id, 20 * MINUTE - 5)
    expect(await w.until(id, isSettled)).toMatchObject({ reason: 'BUDGET' })
  })
})

describe('minutes beyond a budget that stops, run while no control plane was there', () => {
  async function downUntil(seconds: number): Promise<string[]> {
    const controller = w.control()
    const ids = [await w.running(), await w.running()]
    await budget('STOP')
    await controller.stop()
    await w.clock.advance(seconds)
    w.control()
    for (const id of ids) await w.until(id, isSettled)
    return ids
  }

  test('are on record as waived, all but one per run, and not on the bill', async () => {
    const ids = await downUntil(60 * MINUTE)
    for (const id of ids) {
      const [period] = await w.periods(id)
      expect(period?.minutes).toBeGreaterThanOrEqual(60)
      expect((period?.minutes ?? 0) - (period?.waivedMinutes ?? 0)).toBeLessThanOrEqual(11)
    }
    expect(await spentMinutes()).toBeLessThanOrEqual(20 + ids.length)
  })

  test('also when the month is another by then', async () => {
    const [id] = await downUntil(40 * DAY)
    const [period] = await w.periods(id as string)
    expect((period?.minutes ?? 0) - (period?.waivedMinutes ?? 0)).toBe(11)
    expect(await spentMinutes()).toBe(0)
  })

  test('are billed where the operator does not waive them', async () => {
    w.parts.waivesBeyondBudget = false
    const [id] = await downUntil(60 * MINUTE)
    expect(await w.periods(id as string)).toMatchObject([{ waivedMinutes: 0 }])
    expect(await spentMinutes()).toBeGreaterThanOrEqual(120)
  })
})

describe('a budget that notifies', () => {
  test('warns whoever runs at 50, 80 and 100 %, once each, and stops nothing', async () => {
    w.control()
    const id = await w.running()
    await budget('NOTIFY')
    for (const [index, minutes] of [9, 15, 19].entries()) {
      await advanceTo(id, minutes * MINUTE + 1)
      await untilWarned(id, index + 1)
    }
    await advanceTo(id, 40 * MINUTE)
    await w.untilTrue(async () => (await terms()).toldPercent === 100)
    expect(await warned(id)).toEqual(['50 %', '80 %', '100 %'])
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'RUNNING' })
  })

  test('does not tell of what was used already when it was set', async () => {
    w.control()
    const id = await w.running()
    await advanceTo(id, 12 * MINUTE)
    await budget('NOTIFY')
    expect(await terms()).toMatchObject({ toldPercent: 50 })
    await advanceTo(id, 15 * MINUTE + 1)
    await untilWarned(id, 1)
    expect(await warned(id)).toEqual(['80 %'])
  })

  test('tells how much sooner it will be used up when another run begins', async () => {
    w.control()
    const id = await w.running()
    await budget('NOTIFY')
    const before = await terms()
    await w.running()
    await w.untilTrue(async () => isAhead((await terms()).dueAt, before.dueAt))
    await advanceTo(id, 4 * MINUTE + 30)
    await untilWarned(id, 1)
  })
})

test('of several replicas one judges a budget', async () => {
  w.control()
  w.control()
  const id = await w.running()
  await budget('NOTIFY')
  await advanceTo(id, 9 * MINUTE + 1)
  await untilWarned(id, 1)
  await advanceTo(id, 15 * MINUTE + 1)
  await untilWarned(id, 2)
  expect(await warned(id)).toEqual(['50 %', '80 %'])
})
