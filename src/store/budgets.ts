/**
 * Budgets: which are due to be judged, one replica at a time, and what may change when they are reached. A budget is due when
 * a threshold of it is, and whenever a run began or ended in its project.
 */
import type { OpenRun } from '../domain/budget.ts'
import { type Budget, Prisma } from '../generated/prisma/client.ts'
import { projectCosts } from './costs.ts'
import type { Database, Transaction } from './database.ts'
import { columnsOf } from './rows.ts'

const COLUMNS = columnsOf(Prisma.BudgetScalarFieldEnum, 'Budget')

/** How long one replica has for a budget before another one takes it. */
const JUDGING_SECONDS = 30

/** The budget that is due longest, for this replica alone, and the notebooks' time; null: none is due. */
export async function claimDueBudget(database: Database): Promise<{ budget: Budget; now: Date } | null> {
  const [claimed] = await database.$queryRaw<(Budget & { now: Date })[]>`
    UPDATE "Budget" SET "dueAt" = cahier_now() + make_interval(secs => ${JUDGING_SECONDS})
    WHERE "projectId" = (
      SELECT "projectId" FROM "Budget" WHERE "dueAt" <= cahier_now() ORDER BY "dueAt" LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING ${COLUMNS}, cahier_now() AS "now"`
  if (!claimed) return null
  const { now, ...budget } = claimed
  return { budget, now }
}

/** Puts the verdict on record. A budget that was woken or set meanwhile is due, and judged anew. */
export async function endJudgement(
  database: Database,
  { projectId, wakes }: Budget,
  verdict: Pick<Budget, 'month' | 'toldPercent' | 'stopAt' | 'dueAt'>,
): Promise<void> {
  await database.budget.updateMany({ where: { projectId, wakes }, data: verdict })
}

/** A run began or ended: the project's budget is judged anew. For a change's `also`. */
export const WAKES_BUDGET = Prisma.sql`
  UPDATE "Budget" SET "dueAt" = cahier_now(), "wakes" = "wakes" + 1 FROM "held" WHERE "Budget"."projectId" = "held"."projectId"`

/** What the project spent in the present month until `now`, and what goes on. */
export async function readSpending(
  database: Database | Transaction,
  projectId: string,
  now: Date,
): Promise<{ spent: bigint; runs: OpenRun[] }> {
  const periods = await database.billingPeriod.findMany({ where: { projectId, endedAt: null } })
  return {
    spent: (await projectCosts(database, [projectId], now)).get(projectId) ?? 0n,
    runs: periods.map(({ startedAt, units, pricePerHourMicros }) => ({
      startedAt,
      perMinute: BigInt(units) * pricePerHourMicros,
    })),
  }
}
