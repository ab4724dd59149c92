/** Whether a phase has had its time: its budget, or, where data moves and there is no total, 15 min without progress. */
import { lastProgressAt } from '../data/progress.ts'
import { PHASE_BUDGET_SECONDS, STALL_SECONDS } from '../domain/lifecycle.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import type { Transaction } from '../store/database.ts'

export async function hasHadItsTime(tx: Transaction, notebook: Notebook, now: Date): Promise<boolean> {
  const { id, phase, phaseStartedAt } = notebook
  if (phase === null || phase === 'QUEUED') return false
  const budget: number | null = PHASE_BUDGET_SECONDS[phase]
  const passed = (since: Date, seconds: number) => now.getTime() - since.getTime() > seconds * 1000
  if (budget !== null) return passed(phaseStartedAt, budget)
  const moved = await lastProgressAt(tx, id)
  return passed(phaseStartedAt, STALL_SECONDS.data) && (!moved || passed(moved, STALL_SECONDS.data))
}
