/**
 * One run of a mover: made with its syncs on record, started with its plan, followed while it reports, and read when it has
 * ended. What its outcome means for the notebook is decided in outcomes.ts.
 */

import { randomUUID } from 'node:crypto'
import { planMover } from '../../data/plan.ts'
import { parseProgress, parseResult, targetOf, writeProgress } from '../../data/progress.ts'
import { MOVER_GRACE_SECONDS, STALL_SECONDS } from '../../domain/lifecycle.ts'
import type { MoverPurpose } from '../../domain/next-step.ts'
import type { DataSync } from '../../generated/prisma/client.ts'
import { EXIT, MOVER_PATHS, RESULT_FILE, type TargetResult } from '../../mover/protocol.ts'
import { inserting } from '../../store/rows.ts'
import type { ContainerRecord, CopyRecord } from '../observe.ts'
import { Watchdog } from '../watchdog.ts'
import { createContainer, moverMounts, moverSpec, recording } from './containers.ts'
import { PassingFaultError, type StepContext } from './context.ts'
import { recordLiveOutcome } from './live-syncs.ts'
import { missingCopies, NOT_TRIED } from './local-copies.ts'
import { afterPull, recordOutcome } from './outcomes.ts'

const LONGEST_FOLLOW_MS = 3_600_000
const SAVING_FIRST = 'Saving what an earlier run could not save.'

/** Makes the mover that pulls what is not there, saves the workspace, or pushes the volumes that were written to. */
export async function createMover(context: StepContext, purpose: MoverPurpose): Promise<void> {
  const targets = context.notebook.localCopies.filter((copy) => isTarget(copy, purpose))
  if (purpose === 'PULL' && (targets.length === 0 || isNew(context))) return afterPull(context)
  if (purpose !== 'PULL' && (await giveUpLostCopies(context, targets))) return
  const container = await createContainer(context, purpose, moverSpec(moverMounts(context.notebook, targets, purpose)))
  if (!container) return
  const syncs = targets.map(({ target }) => ({
    id: randomUUID(),
    notebookId: context.notebook.id,
    volumeId: target === 'workspace' ? null : target,
    direction: purpose === 'PULL' ? 'PULL' : 'PUSH',
    operation: container.operation,
    confirmDeletions: context.notebook.confirmDeletions,
  }))
  const isOnTheWayUp = context.notebook.state === 'STARTING' && purpose !== 'PULL'
  await context.change(() =>
    recording(container, {
      also: [inserting('DataSync', syncs)],
      ...(isOnTheWayUp && { to: { state: 'STARTING', phase: 'PULLING_DATA', message: SAVING_FIRST } }),
      // From here on something of the workspace may lie in its bucket.
      ...(purpose === 'SAVE' && { set: { unsavedSinceEpoch: null } }),
    }),
  )
}

/**
 * Whether nothing can lie anywhere for this notebook: it has no volumes, and was made, and never saved, in the present epoch
 * of its project's stream. A database that was restored since has another epoch.
 */
function isNew({ notebook: { volumes, unsavedSinceEpoch, project } }: StepContext): boolean {
  return volumes.length === 0 && unsavedSinceEpoch === project.streamEpoch
}

/**
 * A copy that is not on this node must not be pushed as an empty one. It stays on record as unsaved. Answers whether there
 * was one.
 */
async function giveUpLostCopies(context: StepContext, targets: readonly CopyRecord[]): Promise<boolean> {
  const lost = await missingCopies(context.parts.engine, targets)
  if (lost.length === 0) return false
  await context.change(async (_, tx) => {
    for (const { target, problem } of lost)
      await tx.localCopy.update({
        where: { notebookId_target: { notebookId: context.notebook.id, target } },
        data: { ...NOT_TRIED, saveError: problem, saveFault: 'ERROR' },
      })
    return {}
  })
  return true
}

/** A written copy is the truth and is not pulled over; pushed is what is written and was not given up. */
function isTarget({ target, written, saveError }: CopyRecord, purpose: MoverPurpose): boolean {
  if (purpose === 'PULL') return !written
  return written && saveError === null && (target === 'workspace') === (purpose === 'SAVE')
}

/** Says that its syncs run, then starts it with the plan. */
export async function startMover(context: StepContext, containerId: string): Promise<void> {
  const { operation } = recordOf(context, containerId)
  await context.change(async (_, tx, at) => {
    const pending = await tx.dataSync.findMany({ where: { operation, state: 'PENDING' }, orderBy: { id: 'asc' } })
    await tx.dataSync.updateMany({
      where: { operation, state: 'PENDING' },
      data: { state: 'RUNNING', startedAt: at, revision: { increment: 1 } },
    })
    // A checkpoint is told of at its end, if it found anything to carry.
    const told = pending.filter(({ isCheckpoint }) => !isCheckpoint)
    return { events: told.map(({ id }) => ({ type: 'SyncProgressed', syncId: id })) }
  })
  const plan = planMover(context.parts, context.notebook, operation, await syncsOf(context, operation))
  const engine = await context.engineUnderLease()
  await engine.start(containerId, JSON.stringify(plan))
}

/**
 * Reads along until the mover ends, or until `until`, if that is given. One that moves nothing for 15 min is stopped; its
 * result then says what it did.
 */
export async function followMover(context: StepContext, containerId: string, until: Date | null): Promise<void> {
  const { parts, lease } = context
  const { operation } = recordOf(context, containerId)
  const syncs = new Map((await syncsOf(context, operation)).map((sync) => [targetOf(sync), sync]))
  // Who follows a mover again hears all its reports from the start: what is on record already is no progress.
  const moved = new Map([...syncs].map(([target, sync]) => [target, Number(sync.bytesDone) + sync.filesDone]))
  using stall = watch(context, [...syncs.values()])
  using enough = until && new Watchdog(parts.clock, 0, new Error('Something else is due.'), timeUntil(context, until))
  const over = AbortSignal.any([context.signal, stall.signal, ...(enough ? [enough.signal] : [])])
  for await (const text of parts.engine.lines(containerId, over)) {
    const line = parseProgress(text)
    const sync = line && syncs.get(line.target)
    if (!line || !sync || line.operation !== operation) continue
    const isAhead = line.bytesDone + line.filesDone > (moved.get(line.target) ?? 0)
    if (isAhead) {
      moved.set(line.target, line.bytesDone + line.filesDone)
      stall.feed()
    }
    await writeProgress(parts.database, sync, lease, parts.clock.now(), line, isAhead)
  }
  if (!stall.signal.aborted) return
  const engine = await context.engineUnderLease()
  await engine.stop(containerId, MOVER_GRACE_SECONDS)
}

/** In ms; what is further away than a timer can hold is looked at again before. */
function timeUntil({ observation }: StepContext, until: Date): number {
  return Math.min(LONGEST_FOLLOW_MS, until.getTime() - observation.view.now.getTime())
}

/** Its patience begins with the last progress, also when that was before the control plane was restarted. */
function watch({ parts, observation }: StepContext, syncs: readonly DataSync[]): Watchdog {
  const patience = STALL_SECONDS.data * 1000
  const signs = syncs.map(({ startedAt, progressedAt }) => progressedAt ?? startedAt ?? observation.view.now)
  const last = Math.max(...signs.map((sign) => sign.getTime()))
  const silence = observation.view.now.getTime() - last
  return new Watchdog(parts.clock, patience, new Error('The mover moves nothing any more.'), patience - silence)
}

/** Reads the results of a mover that has ended, and puts them and what follows from them on record. */
export async function collectMover(context: StepContext, containerId: string): Promise<void> {
  const record = recordOf(context, containerId)
  const status = context.observation.statuses.get(containerId) ?? null
  const syncs = await syncsOf(context, record.operation)
  const hadNoPlan = status?.exitCode === EXIT.NO_PLAN
  const results = new Map<DataSync, TargetResult | null>()
  if (status && !hadNoPlan) for (const sync of syncs) results.set(sync, await readResult(context, record, sync))
  if (context.notebook.state === 'RUNNING') return recordLiveOutcome(context, record, syncs, results, hadNoPlan)
  const fault = await recordOutcome(context, record, syncs, results)
  if (fault) throw new PassingFaultError(fault)
}

async function readResult({ parts }: StepContext, { id, operation }: ContainerRecord, sync: DataSync) {
  const file = await parts.engine.readFile(id, `${MOVER_PATHS.side}/${targetOf(sync)}/${RESULT_FILE}`)
  return parseResult(file, operation)
}

function recordOf({ notebook }: StepContext, containerId: string): ContainerRecord {
  const record = notebook.containers.find(({ id }) => id === containerId)
  if (!record) throw new Error(`Container ${containerId} is not on record`)
  return record
}

/** Those that are not over yet: a user may have called one off before its mover was made. */
function syncsOf({ parts }: StepContext, operation: string): Promise<DataSync[]> {
  return parts.database.dataSync.findMany({
    where: { operation, state: { in: ['PENDING', 'RUNNING'] } },
    orderBy: { createdAt: 'asc' },
  })
}
