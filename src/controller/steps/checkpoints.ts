/**
 * Checkpoints: while a notebook runs, its workspace is saved every few minutes, so that losing the host costs minutes. Each
 * is a sync beside the notebook like one that a user wished, only quieter: one that finds nothing to carry is no event, and
 * its row gives way to the next; one that fails is a warning, once until a save succeeds again.
 */
import { randomUUID } from 'node:crypto'
import { writeResult } from '../../data/progress.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import { CHECKPOINT_SECONDS } from '../../domain/lifecycle.ts'
import type { DataSync } from '../../generated/prisma/client.ts'
import type { TargetResult } from '../../mover/protocol.ts'
import type { Transaction } from '../../store/database.ts'
import type { StepContext } from './context.ts'

export function nextCheckpoint({ parts }: StepContext, at: Date): Date {
  return new Date(at.getTime() + (parts.checkpointSeconds ?? CHECKPOINT_SECONDS) * 1000)
}

/** Puts the sync on record; a mover is made for it next. */
export async function beginCheckpoint(context: StepContext): Promise<void> {
  const notebookId = context.notebook.id
  await context.change(async ({ state }, tx, at) => {
    if (state !== 'RUNNING') return {}
    // No event tells of those: see writeCheckpoint.
    await tx.dataSync.deleteMany({
      where: { notebookId, isCheckpoint: true, state: { in: ['DONE', 'FAILED'] }, filesDone: 0, filesDeleted: 0 },
    })
    const operation = randomUUID()
    await tx.dataSync.create({ data: { notebookId, direction: 'PUSH', operation, isCheckpoint: true } })
    return { set: { checkpointAt: nextCheckpoint(context, at) } }
  })
}

/** Puts the outcome of a checkpoint on record and answers what there is to tell. */
export async function writeCheckpoint(
  tx: Transaction,
  sync: DataSync,
  result: TargetResult,
  at: Date,
): Promise<NotebookEvent[]> {
  const [report, ...warnings] = await writeResult(tx, sync, result, at)
  const carried = result.filesDone + result.filesDeleted > 0
  return report && carried ? [report, ...warnings] : warnings
}

/**
 * Notes on the workspace's copy whether the last try to save it in this run failed, and answers the warning of it, unless it
 * failed before that, too. `problem`: null, it succeeded.
 */
export async function noteCheckpoint(
  { notebook }: StepContext,
  tx: Transaction,
  problem: string | null,
): Promise<NotebookEvent[]> {
  const where = { notebookId_target: { notebookId: notebook.id, target: 'workspace' } }
  const { checkpointError: before } = await tx.localCopy.findUniqueOrThrow({ where })
  if (problem !== before) await tx.localCopy.update({ where, data: { checkpointError: problem } })
  if (!problem || before) return []
  const message = `The workspace could not be saved while the notebook runs; it is tried again. ${problem}`
  return [{ type: 'NotebookWarned', code: 'CHECKPOINT_FAILED', message, dueAt: null }]
}
