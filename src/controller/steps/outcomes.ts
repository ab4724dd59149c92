/**
 * What the outcome of a mover means for its notebook. A target that is done is settled there and then; one whose store or
 * files refuse is the user's to mend (or the platform's, for the workspace); one whose store did not answer is tried again
 * until the phase has had its time. A save on the way up is tried once: there is a local copy to start on.
 */
import { targetOf, writeResult } from '../../data/progress.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import { isWantedUp } from '../../domain/next-step.ts'
import type { DataSync, LocalCopy, Notebook } from '../../generated/prisma/client.ts'
import type { TargetResult } from '../../mover/protocol.ts'
import type { Transaction } from '../../store/database.ts'
import type { Change } from '../../store/notebooks.ts'
import type { ContainerRecord } from '../observe.ts'
import { hasHadItsTime } from '../patience.ts'
import type { StepContext } from './context.ts'
import { failStart } from './departure.ts'
import { NOT_TRIED } from './local-copies.ts'

export const NO_RESULT = 'The data mover ended without a result.'

interface Failure {
  target: string
  /** One sentence for people that names the volume. */
  message: string
  fault: 'FAILED' | 'ERROR'
  reason: 'DATA_ACCESS' | 'DISK_FULL' | 'PLATFORM'
  /** No more tries. */
  final: boolean
  unsaved: Pick<LocalCopy, 'unsavedFiles' | 'unsavedBytes'>
}

/** Everything is pulled: on to compute. */
export async function afterPull(context: StepContext): Promise<void> {
  await context.advance((notebook) => (isWantedUp(notebook) ? { to: { state: 'STARTING', phase: 'ALLOCATING' } } : {}))
}

/** Answers a sentence when the run has to be taken again, else null. */
export async function recordOutcome(
  context: StepContext,
  container: ContainerRecord,
  syncs: readonly DataSync[],
  results: ReadonlyMap<DataSync, TargetResult | null>,
): Promise<string | null> {
  const { parts, observation } = context
  const tooLong = await hasHadItsTime(parts.database, context.notebook, observation.view.now)
  const failures = syncs.flatMap((sync) => failureOf(context, sync, results.get(sync) ?? null, tooLong))
  const isPull = container.purpose === 'PULL'
  await context.change(async (notebook, tx, at) => {
    const events: NotebookEvent[] = []
    for (const sync of syncs) {
      const result = results.get(sync) ?? null
      if (result) events.push(...(await writeResult(tx, sync, result, at)))
      // The mover was cut off before this target had a result.
      else events.push(await endSync(tx, sync, 'FAILED', NO_RESULT, at))
      if (result?.state === 'done') await settleCopy(context, tx, sync, at)
    }
    await tx.container.update({ where: { id: container.id }, data: { settled: true } })
    const change = isPull ? afterPullRun(notebook, failures) : await afterPushRun(tx, notebook, failures)
    return { ...change, events }
  })
  return failures.find(({ final }) => !final)?.message ?? null
}

function failureOf(context: StepContext, sync: DataSync, result: TargetResult | null, tooLong: boolean): Failure[] {
  if (result?.state === 'done') return []
  const { volumes, state, attempts } = context.notebook
  const volume = volumes.find(({ id }) => id === sync.volumeId)
  const { kind, ofFiles, diskFull } = result?.error ?? {}
  // A mover that was cut off has not tried: it may once more.
  const isOnlyTry = sync.direction === 'PUSH' && state === 'STARTING' && (result !== null || attempts > 0)
  // The store of a workspace is the platform's, but what lies in it is the user's, and so is its size.
  const isTheUsers = (volume && (kind === 'data' || kind === 'store')) || ofFiles || diskFull
  return [
    {
      target: targetOf(sync),
      message: `${nameOfTarget({ volumes }, sync)}: ${result?.error?.message ?? 'the data mover ended without a result.'}`,
      fault: isTheUsers ? 'FAILED' : 'ERROR',
      reason: diskFull ? 'DISK_FULL' : isTheUsers ? 'DATA_ACCESS' : 'PLATFORM',
      final: kind === 'data' || tooLong || isOnlyTry,
      unsaved: result ? leftBy(result) : { unsavedFiles: null, unsavedBytes: null },
    },
  ]
}

/** For people. */
export function nameOfTarget({ volumes }: Pick<StepContext['notebook'], 'volumes'>, sync: DataSync): string {
  const volume = volumes.find(({ id }) => id === sync.volumeId)
  return volume ? `Volume ${volume.mountPath}` : 'The workspace'
}

/** What a push did not carry, if it got as far as to count it. */
export function leftBy(result: TargetResult): Failure['unsaved'] {
  const { filesTotal, filesDone, filesSkipped, filesDeleted, bytesTotal, bytesDone } = result
  return {
    unsavedFiles: filesTotal === null ? null : filesTotal - filesDone - filesSkipped - filesDeleted,
    unsavedBytes: bytesTotal === null ? null : BigInt(bytesTotal - bytesDone),
  }
}

/** The end of a sync that has no result. Answers its last report. */
export async function endSync(
  tx: Transaction,
  { id }: DataSync,
  state: 'FAILED' | 'CANCELLED',
  message: string | null,
  at: Date,
): Promise<NotebookEvent> {
  await tx.dataSync.update({
    where: { id },
    data: { state, endedAt: at, eta: null, message, revision: { increment: 1 } },
  })
  return { type: 'SyncProgressed', syncId: id }
}

async function settleCopy({ notebook }: StepContext, tx: Transaction, sync: DataSync, at: Date): Promise<void> {
  await tx.localCopy.update({
    where: { notebookId_target: { notebookId: notebook.id, target: targetOf(sync) } },
    data:
      sync.direction === 'PULL' ? { pulledAt: at } : { written: false, writtenSince: null, savedAt: at, ...NOT_TRIED },
  })
}

function afterPullRun(notebook: Notebook, failures: readonly Failure[]): Change {
  // Called off meanwhile, and perhaps on its way down already: the wish is who ends it.
  if (!isWantedUp(notebook)) return {}
  const final = failures.find((failure) => failure.final)
  if (final) return failStart(notebook, final.fault, final.reason, final.message)
  return failures.length > 0 ? {} : { to: { state: 'STARTING', phase: 'ALLOCATING' } }
}

/** What cannot be saved keeps its local copy; the other targets go on. */
async function afterPushRun(tx: Transaction, notebook: Notebook, failures: readonly Failure[]): Promise<Change> {
  for (const { target, message, fault, unsaved } of failures.filter(({ final }) => final))
    await tx.localCopy.update({
      where: { notebookId_target: { notebookId: notebook.id, target } },
      data: { saveError: message, saveFault: fault, ...unsaved },
    })
  return notebook.state === 'STARTING' ? { to: { state: 'STARTING', phase: 'PULLING_DATA' } } : {}
}
