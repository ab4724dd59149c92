/**
 * Syncs beside a running notebook: its user wished them, or they are checkpoints. One mover carries those of one wish, and
 * whatever comes of them, the notebook runs on. They do not take the place of the save at the run's end: what a notebook may
 * write to counts as written for as long as it runs.
 */
import { targetOf, writeResult } from '../../data/progress.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import type { DataSync } from '../../generated/prisma/client.ts'
import type { TargetResult } from '../../mover/protocol.ts'
import type { Transaction } from '../../store/database.ts'
import type { ContainerRecord } from '../observe.ts'
import { nextCheckpoint, noteCheckpoint, writeCheckpoint } from './checkpoints.ts'
import { createContainer, moverMounts, moverSpec, recording } from './containers.ts'
import type { StepContext } from './context.ts'
import { endSync, leftBy, NO_RESULT, nameOfTarget } from './outcomes.ts'

/** Makes the mover of a wish, unless all of it was called off in that moment. */
export async function createSyncMover(context: StepContext, operation: string): Promise<void> {
  const { notebook } = context
  const syncs = notebook.syncs.filter((sync) => sync.operation === operation)
  const purpose = syncs.every(({ direction }) => direction === 'PULL') ? 'PULL' : 'PUSH'
  const targets = syncs.map(targetOf)
  const copies = notebook.localCopies.filter(({ target }) => targets.includes(target))
  const container = await createContainer(
    context,
    purpose,
    moverSpec(moverMounts(notebook, copies, purpose)),
    operation,
  )
  if (!container) return
  await context.change(async (_, tx) => {
    const isWished = (await tx.dataSync.count({ where: { operation, state: { in: ['PENDING', 'RUNNING'] } } })) > 0
    // From here on something of the workspace may lie in its bucket.
    const set = targets.includes('workspace') ? { unsavedSinceEpoch: null } : {}
    return recording({ ...container, settled: !isWished }, { set })
  })
}

/**
 * Puts on record what came of the syncs of a mover that has ended. One without a result was called off, or waits for the
 * next mover if this one could not help it: it had no plan, or was ended because another of its syncs was called off.
 */
export async function recordLiveOutcome(
  context: StepContext,
  container: ContainerRecord,
  syncs: readonly DataSync[],
  results: ReadonlyMap<DataSync, TargetResult | null>,
  hadNoPlan: boolean,
): Promise<void> {
  const isTakenAgain = hadNoPlan || syncs.some(({ cancelWished }) => cancelWished)
  const ended = syncs.filter((sync) => results.get(sync) || sync.cancelWished || !isTakenAgain)
  await context.change(async (_, tx, at) => {
    const events: NotebookEvent[] = []
    for (const sync of ended) events.push(...(await writeEnd(context, tx, sync, results.get(sync) ?? null, at)))
    await tx.container.update({ where: { id: container.id }, data: { settled: true } })
    return { events, ...(ended.some(isOfWorkspace) && { set: { checkpointAt: nextCheckpoint(context, at) } }) }
  })
}

/** `result`: null, there is none. Answers what there is to tell. */
async function writeEnd(
  context: StepContext,
  tx: Transaction,
  sync: DataSync,
  result: TargetResult | null,
  at: Date,
): Promise<NotebookEvent[]> {
  if (!result && sync.cancelWished) return [await endSync(tx, sync, 'CANCELLED', null, at)]
  const problem = result ? (result.error?.message ?? null) : NO_RESULT
  if (result) await noteOnCopy(context, tx, sync, result, at)
  if (sync.isCheckpoint) {
    const report = result ? await writeCheckpoint(tx, sync, result, at) : []
    if (!result) await endSync(tx, sync, 'FAILED', NO_RESULT, at)
    return [...report, ...(await noteCheckpoint(context, tx, problem))]
  }
  const report = result ? await writeResult(tx, sync, result, at) : [await endSync(tx, sync, 'FAILED', NO_RESULT, at)]
  if (problem !== null) return [...report, warningOf(context, sync, problem)]
  if (isOfWorkspace(sync)) await noteCheckpoint(context, tx, null)
  return report
}

/** A pull never is: beside the notebook it touches volumes only. */
function isOfWorkspace({ volumeId }: DataSync): boolean {
  return volumeId === null
}

/** What a push left is counted; what the notebook writes from here on is in no count. */
async function noteOnCopy({ notebook }: StepContext, tx: Transaction, sync: DataSync, result: TargetResult, at: Date) {
  const isDone = result.state === 'done'
  const where = { notebookId_target: { notebookId: notebook.id, target: targetOf(sync) } }
  if (sync.direction === 'PULL') {
    if (isDone) await tx.localCopy.update({ where, data: { pulledAt: at } })
    return
  }
  const saved = { savedAt: at, unsavedFiles: 0, unsavedBytes: 0n }
  await tx.localCopy.update({ where, data: isDone ? saved : leftBy(result) })
}

function warningOf({ notebook }: StepContext, sync: DataSync, problem: string): NotebookEvent {
  const verb = sync.direction === 'PULL' ? 'pulled' : 'pushed'
  const message = `${nameOfTarget(notebook, sync)} could not be ${verb} whole; the notebook runs on. ${problem}`
  return { type: 'NotebookWarned', code: 'SYNC_FAILED', message, dueAt: null }
}
