/** Writes what a mover reports into its syncs: progress while it runs, the result when it has ended. */
import { z } from 'zod'
import type { NotebookEvent } from '../domain/events.ts'
import type { DataSync, Prisma } from '../generated/prisma/client.ts'
import { type Counters, PROTOCOL, type ProgressLine, type TargetResult } from '../mover/protocol.ts'
import type { Database, Transaction } from '../store/database.ts'
import type { Lease } from '../store/notebooks.ts'

const counters = {
  filesDone: z.number(),
  filesTotal: z.number().nullable(),
  filesSkipped: z.number(),
  filesDeleted: z.number(),
  filesFailed: z.number(),
  bytesDone: z.number(),
  bytesTotal: z.number().nullable(),
} satisfies Record<keyof Counters, z.ZodType>

const Line = z.object({
  protocol: z.literal(PROTOCOL),
  operation: z.string(),
  target: z.string(),
  stage: z.enum(['listing', 'moving', 'verifying', 'done', 'failed']),
  ...counters,
}) satisfies z.ZodType<ProgressLine>

const Result = z.object({
  protocol: z.literal(PROTOCOL),
  operation: z.string(),
  target: z.string(),
  direction: z.enum(['pull', 'push']),
  state: z.enum(['done', 'failed']),
  error: z
    .object({
      kind: z.enum(['data', 'store', 'bug']),
      message: z.string(),
      ofFiles: z.boolean().optional(),
      diskFull: z.boolean().optional(),
    })
    .nullable(),
  failures: z.array(z.object({ path: z.string(), message: z.string() })),
  conflicts: z.array(z.object({ path: z.string(), keptAs: z.string() })),
  deletionsHeld: z.number(),
  startedAt: z.string(),
  endedAt: z.string(),
  ...counters,
}) satisfies z.ZodType<TargetResult>

/** Null when the line is not a report of ours: a mover's stray output is not progress. */
export function parseProgress(line: string): ProgressLine | null {
  try {
    return Line.parse(JSON.parse(line))
  } catch {
    return null
  }
}

/** Null when there is no result of that operation: the mover was cut off before it wrote one. */
export function parseResult(file: Buffer | null, operation: string): TargetResult | null {
  if (!file) return null
  const result = Result.parse(JSON.parse(file.toString('utf8')))
  return result.operation === operation ? result : null
}

export function targetOf(sync: { volumeId: string | null }): string {
  return sync.volumeId ?? 'workspace'
}

/** Bytes per second since the sync started, and from that the time it will end; null while nothing moved. */
function speed(startedAt: Date | null, now: Date, { bytesDone, bytesTotal }: Counters) {
  const seconds = startedAt ? (now.getTime() - startedAt.getTime()) / 1000 : 0
  if (seconds <= 0 || bytesDone === 0) return { bytesPerSecond: null, eta: null }
  const bytesPerSecond = bytesDone / seconds
  const left = bytesTotal === null ? null : (bytesTotal - bytesDone) / bytesPerSecond
  return { bytesPerSecond, eta: left === null ? null : new Date(now.getTime() + left * 1000) }
}

/**
 * Rewrites the sync's row, under the lease. Not an event: subscribers look at the rows while a sync runs. Reports that are
 * behind the row are passed over: who follows a mover again hears them all from the start. `moved`: it is ahead of the last.
 */
export async function writeProgress(
  database: Database,
  sync: DataSync,
  lease: Lease,
  now: Date,
  line: ProgressLine,
  moved: boolean,
): Promise<void> {
  await database.dataSync.updateMany({
    where: {
      id: sync.id,
      state: 'RUNNING',
      bytesDone: { lte: line.bytesDone },
      filesDone: { lte: line.filesDone },
      notebook: { leaseOwner: lease.owner, leaseEpoch: lease.epoch },
    },
    data: {
      ...countersOf(line),
      ...speed(sync.startedAt, now, line),
      ...(moved && { progressedAt: now }),
      revision: { increment: 1 },
    },
  })
}

/** When the notebook's syncs last moved anything; null: never. */
export async function lastProgressAt(tx: Transaction, notebookId: string): Promise<Date | null> {
  const { _max: last } = await tx.dataSync.aggregate({ where: { notebookId }, _max: { progressedAt: true } })
  return last.progressedAt
}

/** Puts the outcome on record and answers the events of it: the sync's last report, and what the user should know. */
export async function writeResult(
  tx: Transaction,
  sync: DataSync,
  result: TargetResult,
  at: Date,
): Promise<NotebookEvent[]> {
  await tx.dataSync.update({
    where: { id: sync.id },
    data: {
      ...countersOf(result),
      bytesPerSecond: speed(sync.startedAt, at, result).bytesPerSecond,
      eta: null,
      state: result.state === 'done' ? 'DONE' : 'FAILED',
      failures: result.failures as unknown as Prisma.InputJsonValue,
      conflicts: result.conflicts as unknown as Prisma.InputJsonValue,
      deletionsHeld: result.deletionsHeld,
      message: result.error?.message ?? null,
      endedAt: at,
      revision: { increment: 1 },
    },
  })
  return [{ type: 'SyncProgressed', syncId: sync.id }, ...warningsOf(result)]
}

function warningsOf(result: TargetResult): NotebookEvent[] {
  const warnings: NotebookEvent[] = []
  const warn = (code: 'CONFLICT' | 'DELETIONS_HELD', message: string) =>
    warnings.push({ type: 'NotebookWarned', code, message, dueAt: null })
  if (result.conflicts.length > 0)
    warn('CONFLICT', `${result.conflicts.length} files were changed on both sides; both versions were kept.`)
  if (result.deletionsHeld > 0)
    warn('DELETIONS_HELD', `${result.deletionsHeld} deletions were held back: more than half of the objects.`)
  return warnings
}

function countersOf(report: Counters) {
  return {
    filesDone: report.filesDone,
    filesTotal: report.filesTotal,
    filesSkipped: report.filesSkipped,
    filesDeleted: report.filesDeleted,
    filesFailed: report.filesFailed,
    bytesDone: BigInt(report.bytesDone),
    bytesTotal: report.bytesTotal === null ? null : BigInt(report.bytesTotal),
  }
}
