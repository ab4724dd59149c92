/**
 * Budgets are judged when a threshold of theirs is due and when a run began or ended: whoever runs is told how much is used,
 * and from a budget that stops every run is ended before the first minute that would exceed it, as a user ends it. One
 * replica at a time judges a budget; a judgement that is cut off is made again, so that a warning may come twice.
 */
import { priceToDecimal } from '../domain/billing.ts'
import { type BudgetOutlook, type OpenRun, outlookOf, STOP_LEAD_MS, shareInWords } from '../domain/budget.ts'
import { NotFoundError } from '../domain/errors.ts'
import type { NotebookEvent } from '../domain/events.ts'
import type { State } from '../domain/lifecycle.ts'
import { boundsOf, monthOf } from '../domain/month.ts'
import type { Budget, Notebook } from '../generated/prisma/client.ts'
import { claimDueBudget, endJudgement, readSpending } from '../store/budgets.ts'
import type { Database } from '../store/database.ts'
import { type Change, changeNotebook } from '../store/notebooks.ts'

const RUNS_OR_WILL: ReadonlySet<State> = new Set(['STARTING', 'RUNNING'])

/** Judges all that are due. */
export async function judgeBudgets(database: Database): Promise<void> {
  for (;;) {
    const due = await claimDueBudget(database)
    if (!due) return
    await judge(database, due.budget, due.now)
  }
}

async function judge(database: Database, budget: Budget, now: Date): Promise<void> {
  const { spent, runs } = await readSpending(database, budget.projectId, now)
  const outlook = outlookOf(budget.amountMicros, spent, runs, now)
  const { month, passedPercent, nextAt } = outlook
  const stopAt = stopOf(budget, outlook, runs, now)
  const stopDueAt = stopAt && new Date(stopAt.getTime() - STOP_LEAD_MS)
  if (stopDueAt && stopDueAt <= now) {
    await stopAll(database, budget, outlook)
    const dueAt = boundsOf(month).to
    return endJudgement(database, budget, { month: monthOf(stopAt), toldPercent: 100, stopAt, dueAt })
  }
  if (passedPercent > toldOf(budget, outlook)) await tellAll(database, budget, outlook)
  const dueAt = stopDueAt && stopDueAt < nextAt ? stopDueAt : nextAt
  await endJudgement(database, budget, { month, toldPercent: passedPercent, stopAt, dueAt })
}

/** The highest threshold that is told of in this month; what was past already when the budget was set is not told. */
function toldOf({ month, toldPercent }: Budget, outlook: BudgetOutlook): number {
  if (month === null) return outlook.passedPercent
  return month === outlook.month ? toldPercent : 0
}

/**
 * When the first minute beyond a budget that stops begins. One that was known before stands, while a run goes on that it was
 * to stop: then nobody was there to do so, and by now the month may be another.
 */
function stopOf(
  { onReached, stopAt }: Budget,
  { exceededAt }: BudgetOutlook,
  runs: readonly OpenRun[],
  now: Date,
): Date | null {
  if (onReached !== 'STOP') return null
  const wasMissed = stopAt && stopAt <= now && runs.some(({ startedAt }) => startedAt < stopAt)
  return wasMissed ? stopAt : exceededAt
}

/** Everything that runs or is on its way there. */
async function stopAll(database: Database, budget: Budget, outlook: BudgetOutlook): Promise<void> {
  await changeEach(database, budget.projectId, ({ state }) => ({
    set: { desired: 'STOPPED', desiredReason: 'BUDGET', restartWished: false },
    events: state === 'RUNNING' ? [warning(budget, 100, outlook)] : [],
    wake: true,
  }))
}

async function tellAll(database: Database, budget: Budget, outlook: BudgetOutlook): Promise<void> {
  await changeEach(database, budget.projectId, ({ state }) =>
    state === 'RUNNING' ? { events: [warning(budget, outlook.passedPercent, outlook)] } : {},
  )
}

/** Each of the project's notebooks that is wished to run and does, or will. */
async function changeEach(
  database: Database,
  projectId: string,
  change: (notebook: Notebook) => Change,
): Promise<void> {
  const where = { projectId, state: { in: [...RUNS_OR_WILL] }, desired: 'RUNNING' as const, deletedAt: null }
  const notebooks = await database.notebook.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } })
  for (const { id } of notebooks)
    try {
      await changeNotebook(database, id, null, (notebook) =>
        notebook.desired === 'RUNNING' && RUNS_OR_WILL.has(notebook.state) ? change(notebook) : {},
      )
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error
    }
}

function warning(budget: Budget, percent: number, { month, usedUpAt, exceededAt }: BudgetOutlook): NotebookEvent {
  const amount = priceToDecimal(budget.amountMicros)
  const share = shareInWords(percent, { amount, currency: budget.currency, month })
  const stops = budget.onReached === 'STOP'
  const message = `The project has used ${share}${stops ? '; what runs is saved and stopped at 100 %' : ''}.`
  const dueAt = (stops ? exceededAt : usedUpAt)?.toISOString() ?? null
  return { type: 'NotebookWarned', code: 'BUDGET_USED', message, dueAt }
}
