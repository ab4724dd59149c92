/**
 * Syncs beside a running notebook, which its user wished. One mover carries those of one wish, and whatever comes of them,
 * the notebook runs on. They do not take the place of the save at the run's end: what a notebook may write to counts as
 * written for as long as it runs.
 */
import { targetOf, writeResult } from '../../data/progress.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import type { Container, DataSync } from '../../generated/prisma/client.ts'
import type { TargetResult } from '../../mover/protocol.ts'
import type { Transaction } from '../../store/database.ts'
import { createContainer, moverMounts, moverSpec } from './containers.ts'
import type { StepContext } from './context.ts'
import { endSync, leftBy, NO_RESULT, nameOfTarget } from './outcomes.ts'

/** Makes the mover of a wish, unless all of it was called off in that moment. */
export async function createSyncMover(context: StepContext, operation: string): Promise<void> {
  const { notebook } = context
  const syncs = notebook.syncs.filter((sync) => sync.operation === operation)
  const purpose = syncs.every(({ direction }) => direction === 'PULL') ? 'PULL' : 'PUSH'
  const targets = syncs.map(targetOf)
  const copies = notebook.localCopies.filter(({ target }) => targets.includes(target))
  const spec = moverSpec(moverMounts(notebook, copies, purpose))
  await createContainer(
    context,
    purpose,
    spec,
    async ({ id }, tx) => {
      const isWished = (await tx.dataSync.count({ where: { operation, state: { in: ['PENDING', 'RUNNING'] } } })) > 0
      if (!isWished) await tx.container.update({ where: { id }, data: { settled: true } })
      // From here on something of the workspace may lie in its bucket.
      return targets.includes('workspace') ? { set: { unsavedSinceEpoch: null } } : {}
    },
    operation,
  )
}

/**
 * Puts on record what came of the syncs of a mover that has ended. One without a result was called off, or waits for the
 * next mover if this one could not help it: it had no plan, or was ended because another of its syncs was called off.
 */
export async function recordLiveOutcome(
  context: StepContext,
  container: Container,
  syncs: readonly DataSync[],
  results: ReadonlyMap<DataSync, TargetResult | null>,
  hadNoPlan: boolean,
): Promise<void> {
  const isTakenAgain = hadNoPlan || syncs.some(({ cancelWished }) => cancelWished)
  await context.change(async (_, tx, at) => {
    const events: NotebookEvent[] = []
    for (const sync of syncs) {
      const result = results.get(sync) ?? null
      if (result) {
        events.push(...(await writeResult(tx, sync, result, at)))
        await noteOnCopy(context, tx, sync, result, at)
        if (result.error) events.push(warningOf(context, sync, result.error.message))
      } else if (sync.cancelWished) events.push(await endSync(tx, sync, 'CANCELLED', null, at))
      else if (!isTakenAgain) {
        events.push(await endSync(tx, sync, 'FAILED', NO_RESULT, at), warningOf(context, sync, NO_RESULT))
      }
    }
    await tx.container.update({ where: { id: container.id }, data: { settled: true } })
    return { events }
  })
}

/** What a push left is counted; what the notebook writes from here on is in no count. */
async function noteOnCopy({ notebook }: StepContext, tx: Transaction, sync: DataSync, result: TargetResult, at: Date) {
  const isDone = result.state === 'done'
  const where = { notebookId_target: { notebookId: notebook.id, target: targetOf(sync) } }
  if (sync.direction === 'PUSH')
    await tx.localCopy.update({ where, data: { ...leftBy(result), ...(isDone && { savedAt: at }) } })
  else if (isDone) await tx.localCopy.update({ where, data: { pulledAt: at } })
}

function warningOf({ notebook }: StepContext, sync: DataSync, problem: string): NotebookEvent {
  const verb = sync.direction === 'PULL' ? 'pulled' : 'pushed'
  const message = `${nameOfTarget(notebook, sync)} could not be ${verb} whole; the notebook runs on. ${problem}`
  return { type: 'NotebookWarned', code: 'SYNC_FAILED', message, dueAt: null }
}
