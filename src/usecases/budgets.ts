/** Budgets: what a project's calendar month may cost. Who pays sets it; the controller judges it. */
import { requireRoleInAll } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { decimalToMicros, priceToDecimal, toAmount } from '../domain/billing.ts'
import type { Flavor } from '../domain/catalogue.ts'
import { BudgetReachedError } from '../domain/errors.ts'
import { requireId } from '../domain/ids.ts'
import { Problems } from '../domain/problems.ts'
import type { Budget, OnBudgetReached } from '../generated/prisma/client.ts'
import { projectCosts } from '../store/costs.ts'
import type { Transaction } from '../store/database.ts'
import type { UseCaseParts } from './parts.ts'

export interface SetBudgetInput {
  projectId: string
  /** A decimal in the installation's currency; null takes the budget away. */
  amount: string | null
  /** NOTIFY unless given. */
  onBudgetReached?: OnBudgetReached | null | undefined
}

/**
 * Counts for the present month from its first day on, and for every later one. A raise lifts a stop: what was stopped may be
 * started again. Answers null when there is no budget any more. Throws NotFoundError, ForbiddenError, ValidationError.
 */
export async function setBudget(
  { database, catalogue }: UseCaseParts,
  viewer: Viewer,
  input: SetBudgetInput,
): Promise<Budget | null> {
  const projectId = requireId('Project', input.projectId)
  await requireRoleInAll(database, viewer, 'OWNER', 'Project', projectId)
  if (input.amount === null) {
    await database.budget.deleteMany({ where: { projectId } })
    return null
  }
  const amountMicros = decimalToMicros(input.amount)
  const problems = new Problems()
  problems.note(
    'amount',
    amountMicros === null
      ? 'must be an amount such as 250.00, with at most 9 digits before the point and 6 after it.'
      : null,
  )
  problems.throwIfAny()
  const now = await database.$queryRaw<[{ now: Date }]>`SELECT cahier_now() AS "now"`
  const terms = {
    amountMicros: amountMicros as bigint,
    currency: catalogue.currency,
    onReached: input.onBudgetReached ?? 'NOTIFY',
    month: null,
    toldPercent: 0,
    stopAt: null,
    dueAt: now[0].now,
  }
  return database.budget.upsert({
    where: { projectId },
    create: { projectId, ...terms },
    update: { ...terms, wakes: { increment: 1 } },
  })
}

/** Throws BudgetReachedError when a minute of that flavor would exceed a budget that stops. */
export async function assertWithinBudget(
  tx: Transaction,
  projectId: string,
  flavor: Flavor,
  units: number,
  now: Date,
): Promise<void> {
  const budget = await tx.budget.findFirst({ where: { projectId, onReached: 'STOP' } })
  if (!budget) return
  const spent = (await projectCosts(tx, [projectId], now)).get(projectId) ?? 0n
  if (spent + BigInt(units) * flavor.pricePerHourMicros <= budget.amountMicros * 60n) return
  throw new BudgetReachedError(budget.currency, {
    budget: priceToDecimal(budget.amountMicros),
    spent: toAmount(spent),
  })
}
