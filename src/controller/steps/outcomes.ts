/**
 * What the outcome of a mover means for its notebook. A target that is done is settled there and then; one whose store or
 * files refuse is the user's to mend (or the platform's, for the workspace); one whose store did not answer is tried again
 * until the phase has had its time.
 */
import { targetOf, writeResult } from '../../data/progress.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import type { Container, DataSync, Notebook } from '../../generated/prisma/client.ts'
import type { TargetResult } from '../../mover/protocol.ts'
import type { Transaction } from '../../store/database.ts'
import type { Change } from '../../store/notebooks.ts'
import { hasHadItsTime } from '../patience.ts'
import type { StepContext } from './context.ts'
import { failStart } from './departure.ts'

interface Failure {
  target: string
  /** One sentence for people that names the volume. */
  message: string
  fault: 'FAILED' | 'ERROR'
  /** No more tries. */
  final: boolean
}

/** Everything is pulled: on to compute. */
export async function afterPull(context: StepContext): Promise<void> {
  await context.change(() => ({ to: { state: 'STARTING', phase: 'ALLOCATING' } }))
}

/** Answers a sentence when the run has to be taken again, else null. */
export async function recordOutcome(
  context: StepContext,
  container: Container,
  syncs: readonly DataSync[],
  results: ReadonlyMap<DataSync, TargetResult | null>,
): Promise<string | null> {
  const { parts, observation } = context
  const tooLong = await hasHadItsTime(parts.database, context.notebook, observation.view.now)
  const failures = syncs.flatMap((sync) => failureOf(context, sync, results.get(sync) ?? null, tooLong))
  await context.change(async (notebook, tx, at) => {
    const events: NotebookEvent[] = []
    for (const sync of syncs) {
      const result = results.get(sync) ?? null
      events.push(...(result ? await writeResult(tx, sync, result, at) : await giveUpSync(tx, sync, at)))
      if (result?.state === 'done') await settleCopy(context, tx, sync, at)
    }
    await tx.container.update({ where: { id: container.id }, data: { settled: true } })
    const change =
      container.purpose === 'PULL' ? afterPullRun(notebook, failures) : await afterPushRun(context, tx, failures)
    return { ...change, events }
  })
  return failures.find(({ final }) => !final)?.message ?? null
}

function failureOf(context: StepContext, sync: DataSync, result: TargetResult | null, tooLong: boolean): Failure[] {
  if (result?.state === 'done') return []
  const volume = context.notebook.volumes.find(({ id }) => id === sync.volumeId)
  const name = volume ? `Volume ${volume.mountPath}` : 'The workspace'
  return [
    {
      target: targetOf(sync),
      message: `${name}: ${result?.error?.message ?? 'the data mover ended without a result.'}`,
      fault: volume && result?.error?.kind !== 'bug' ? 'FAILED' : 'ERROR',
      final: result?.error?.kind === 'data' || tooLong,
    },
  ]
}

/** The mover was cut off before this target had a result. */
async function giveUpSync(tx: Transaction, sync: DataSync, at: Date): Promise<NotebookEvent[]> {
  await tx.dataSync.update({
    where: { id: sync.id },
    data: {
      state: 'FAILED',
      endedAt: at,
      message: 'The data mover ended without a result.',
      revision: { increment: 1 },
    },
  })
  return [{ type: 'SyncProgressed', syncId: sync.id }]
}

async function settleCopy({ notebook }: StepContext, tx: Transaction, sync: DataSync, at: Date): Promise<void> {
  await tx.localCopy.update({
    where: { notebookId_target: { notebookId: notebook.id, target: targetOf(sync) } },
    data:
      sync.direction === 'PULL'
        ? { pulledAt: at }
        : { written: false, writtenSince: null, savedAt: at, saveError: null, saveFault: null },
  })
}

function afterPullRun(notebook: Notebook, failures: readonly Failure[]): Change {
  const final = failures.find((failure) => failure.final)
  if (final)
    return failStart(notebook, final.fault, final.fault === 'FAILED' ? 'DATA_ACCESS' : 'PLATFORM', final.message)
  return failures.length > 0 ? {} : { to: { state: 'STARTING', phase: 'ALLOCATING' } }
}

/** What cannot be saved keeps its local copy; the other targets go on. */
async function afterPushRun({ notebook }: StepContext, tx: Transaction, failures: readonly Failure[]): Promise<Change> {
  for (const { target, message, fault } of failures.filter(({ final }) => final))
    await tx.localCopy.update({
      where: { notebookId_target: { notebookId: notebook.id, target } },
      data: { saveError: message, saveFault: fault },
    })
  return {}
}
