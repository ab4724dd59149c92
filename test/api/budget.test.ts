/** A project's budget as its owner sets and everybody in it sees it. How it is kept: test/lifecycle/project-budget.test.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CREATE, type Result, SET_BUDGET, SMALL } from './documents.ts'
import { type World, world } from './world.ts'

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

const BUDGET =
  'query ($id: ID!) { project(id: $id) { budget { amount { amount currency } spent { amount } onBudgetReached stopsAt } } }'

async function tenant() {
  const { owner, projectId } = await w.tenant()
  const set = async (input: object) =>
    (await w.as(owner)<Result>(SET_BUDGET, { input: { projectId, ...input } })).data.result
  const shown = async (as = owner) =>
    (await w.as(as)<{ project: { budget: object | null } }>(BUDGET, { id: projectId })).data.project.budget
  return { owner, projectId, set, shown }
}

test('is none until an owner sets one; then every member sees it, with what is used', async () => {
  const { projectId, set, shown } = await tenant()
  expect(await shown()).toBeNull()
  const terms = {
    amount: { amount: '250.00', currency: 'EUR' },
    spent: { amount: '0.000000' },
    onBudgetReached: 'NOTIFY',
  }
  expect(await set({ amount: '250' })).toMatchObject({ __typename: 'Budget', ...terms })
  expect(await shown(await w.join(projectId, 'READER'))).toEqual({ ...terms, stopsAt: null })
})

test('is changed by the next one, and taken away by null', async () => {
  const { set, shown } = await tenant()
  await set({ amount: '250' })
  await set({ amount: '0.5', onBudgetReached: 'STOP' })
  expect(await shown()).toMatchObject({ amount: { amount: '0.50' }, onBudgetReached: 'STOP' })
  expect(await set({ amount: null })).toMatchObject({ __typename: 'Budget', amount: null, onBudgetReached: null })
  expect(await shown()).toBeNull()
})

test.each(['-1', '1.0000001', '10000000000'])('of %s is refused with the name of the field', async (amount) => {
  const { set, shown } = await tenant()
  expect(await set({ amount })).toMatchObject({ __typename: 'ValidationError', fields: [{ path: 'amount' }] })
  expect(await shown()).toBeNull()
})

test('that stops refuses what would exceed it with both sums, in a type of its own', async () => {
  const { owner, projectId, set } = await tenant()
  await set({ amount: '0', onBudgetReached: 'STOP' })
  const document = CREATE.replace(
    '... on FlavorUnavailableError',
    '... on BudgetReachedError { budget { amount } spent { amount } } $&',
  )
  const { data } = await w.as(owner)<Result>(document, { input: { projectId, ...SMALL } })
  expect(data.result).toMatchObject({
    __typename: 'BudgetReachedError',
    code: 'BUDGET_REACHED',
    message: 'The project has a budget of 0.00 EUR for this month, of which 0.000000 are used.',
    budget: { amount: '0.00' },
    spent: { amount: '0.000000' },
  })
})
