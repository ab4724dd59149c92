/**
 * The way out of STARTING and RUNNING, whatever the reason: the run's end and its bill are put on record, then containers
 * end, then units are given back. Data is saved after that.
 */

import type { Reason } from '../../domain/lifecycle.ts'
import { MOVER_GRACE_SECONDS, STOP_GRACE_SECONDS } from '../../domain/lifecycle.ts'
import type { Departure } from '../../domain/next-step.ts'
import type { ContainerStatus } from '../../engine/port.ts'
import type { Notebook, Prisma } from '../../generated/prisma/client.ts'
import { WAKES_BUDGET } from '../../store/budgets.ts'
import type { Transaction } from '../../store/database.ts'
import type { Change } from '../../store/notebooks.ts'
import { wakeQueue } from '../../store/queue.ts'
import { closePeriod } from '../billing.ts'
import type { StepContext } from './context.ts'

const LOG_TAIL_LINES = 100

interface Ending {
  endState: 'STOPPED' | 'FAILED' | 'ERROR'
  endReason: Reason
  endMessage: string
}

/** A start that cannot go on: what was made for it is taken down, then the notebook settles as said. */
export function failStart(
  notebook: Notebook,
  endState: 'FAILED' | 'ERROR',
  endReason: Reason,
  endMessage: string,
): Change {
  return {
    to: { state: 'STOPPING', phase: 'STOPPING_CONTAINER', reason: endReason, message: endMessage },
    set: { endState, endReason, endMessage, desired: wishAfterEnd(notebook) },
  }
}

/** What ended by itself is not wished to run any more; a wish to delete stands. */
function wishAfterEnd(notebook: Notebook): Notebook['desired'] {
  return notebook.desired === 'DELETED' ? 'DELETED' : 'STOPPED'
}

/** Leaves STARTING or RUNNING. The transaction that leaves RUNNING closes the billing period. */
export async function leave(context: StepContext, because: Departure, containerId: string | null): Promise<void> {
  const end = await endOf(context, containerId)
  const isEnd = because === 'ENDED' || Boolean(end?.witnessed)
  const logTail = containerId && isEnd ? await context.parts.engine.logTail(containerId, LOG_TAIL_LINES) : []
  await context.change(async (notebook, tx, at) => {
    const restarts = because === 'RESTART' || (because === 'RUN_LIMIT' && notebook.autoRestart)
    const ending = endingOf(notebook, because, end?.witnessed ?? null)
    const noEnding = { endState: null, endReason: null, endMessage: null }
    const runs = notebook.state === 'RUNNING'
    const billed = runs ? await closePeriod(tx, notebook, end, at, context.parts.waivesBeyondBudget ?? true) : undefined
    return {
      to: {
        state: 'STOPPING',
        phase: 'STOPPING_CONTAINER',
        reason: ending.endReason,
        message: ending.endMessage,
        end: billed,
      },
      reroutes: runs,
      also: runs ? [WAKES_BUDGET] : [],
      set: {
        ...(restarts ? noEnding : ending),
        restartWished: restarts,
        desired: restarts ? notebook.desired : wishAfterEnd(notebook),
        stopsAt: null,
        warnedAhead: null,
        checkpointAt: null,
        ...(isEnd && {
          exitCode: end?.witnessed?.exitCode ?? null,
          oomKilled: end?.witnessed?.oomKilled ?? null,
          logTail: logTail as unknown as Prisma.JsonArray,
        }),
      },
    }
  })
}

interface RunEnd {
  /** How it ended, as the engine saw it; null: the container is gone or going, or ended because its engine did. */
  witnessed: ContainerStatus | null
  /** When it ended, if the engine's word on that is worth something. */
  finishedAt: Date | null
}

/** Null: it runs until now, or never ran. */
async function endOf(
  { observation, notebook, parts }: StepContext,
  containerId: string | null,
): Promise<RunEnd | null> {
  const seen = observation.view.containers.find(({ id }) => id === containerId)
  if (seen ? seen.status === 'running' || seen.status === 'inert' : notebook.state !== 'RUNNING') return null
  const status = (containerId && observation.statuses.get(containerId)) || null
  if (!status) return { witnessed: null, finishedAt: null }
  const withEngine = endedWithEngine(status, await parts.engine.bootedAt())
  const inCrash =
    status.exitCode === ENGINE_CRASH_CODE && (withEngine || wasSilent(notebook, status, parts.sweepSeconds))
  const isLost = status.exitCode === null || withEngine || inCrash
  return { witnessed: isLost ? null : status, finishedAt: inCrash ? null : status.finishedAt }
}

/** An engine that goes down ends its containers, or does so when it is up again; and a host takes minutes to come up. In ms. */
const DOWN_BEFORE_BOOT_MS = 300_000

/** It ended because the engine went down: that says nothing of the notebook, whatever its exit code. */
function endedWithEngine({ startedAt, finishedAt }: ContainerStatus, bootedAt: Date | null): boolean {
  if (!startedAt || !finishedAt || !bootedAt || startedAt >= bootedAt) return false
  return finishedAt.getTime() > bootedAt.getTime() - DOWN_BEFORE_BOOT_MS
}

/** After a crash of its machine an engine says of a container that it ended at the engine's next boot, with this code. */
const ENGINE_CRASH_CODE = 255

/** The engine had kept silent for longer than two sweeps before the container's end: it was down itself. */
function wasSilent(
  notebook: StepContext['notebook'],
  { id, finishedAt }: ContainerStatus,
  sweepSeconds: number,
): boolean {
  const seen = notebook.containers.find((container) => container.id === id)?.lastSeenAliveAt
  return Boolean(seen && finishedAt && finishedAt.getTime() - seen.getTime() > 2 * sweepSeconds * 1000)
}

function endingOf(notebook: Notebook, because: Departure, status: ContainerStatus | null): Ending {
  switch (because) {
    case 'WISH':
      return endingByWish(notebook.desiredReason ?? 'USER', status)
    case 'RESTART':
      return { endState: 'STOPPED', endReason: 'USER', endMessage: 'Restarting as asked.' }
    case 'RUN_LIMIT':
      return {
        endState: 'STOPPED',
        endReason: 'RUN_LIMIT',
        endMessage: `The run reached its time limit${notebook.autoRestart ? '; the notebook restarts' : ''}.`,
      }
    case 'ENDED':
      return endingOfContainer(status)
  }
}

/** Who wished the end is who ended it, also when the container ended by itself in the same moment. */
function endingByWish(endReason: Reason, status: ContainerStatus | null): Ending {
  const itself = status ? `; it had just ended by itself, with exit code ${status.exitCode}` : ''
  return { endState: 'STOPPED', endReason, endMessage: `${wishOf(endReason)}${itself}.` }
}

function wishOf(reason: Reason): string {
  if (reason === 'DISK_FULL') return 'Stopped because it used more disk than its flavor has'
  if (reason === 'BUDGET') return 'Stopped because the project’s budget for the month is used up'
  return reason === 'PLATFORM' ? 'Stopped by the operator, who takes the installation down' : 'Stopped as asked'
}

function endingOfContainer(status: ContainerStatus | null): Ending {
  if (!status)
    return {
      endState: 'FAILED',
      endReason: 'CONTAINER_LOST',
      endMessage: 'The container was lost: removed from outside, or with its engine.',
    }
  if (status.exitCode === 0)
    return { endState: 'STOPPED', endReason: 'EXITED', endMessage: 'The notebook ended by itself.' }
  return status.oomKilled
    ? { endState: 'FAILED', endReason: 'OUT_OF_MEMORY', endMessage: 'The notebook ran out of memory.' }
    : { endState: 'FAILED', endReason: 'EXITED', endMessage: `The notebook ended with exit code ${status.exitCode}.` }
}

/** SIGTERM, the grace, SIGKILL: a notebook has 30 s unless configured, a mover that is called off 2 s. */
export async function stopContainer(context: StepContext, containerId: string): Promise<void> {
  const { stopGraceSeconds = STOP_GRACE_SECONDS } = context.parts
  const record = context.notebook.containers.find(({ id }) => id === containerId)
  const engine = await context.engineUnderLease()
  await engine.stop(containerId, record?.role === 'MOVER' ? MOVER_GRACE_SECONDS : stopGraceSeconds)
}

const NOTHING_HELD = {
  nodeId: null,
  heldMilliCpus: 0,
  heldMemoryBytes: 0n,
  heldGpus: 0,
  heldGpuModel: null,
  gpuDevices: [],
} satisfies Prisma.NotebookUncheckedUpdateInput

/** The end of all containers was observed: capacity and quota are free again, unless the notebook restarts in its place. */
export async function freeCompute(context: StepContext): Promise<void> {
  await context.change(async (notebook, tx, at) => {
    await tx.container.updateMany({ where: { notebookId: notebook.id }, data: { settled: true } })
    const cancelled = await cancelSyncs(tx, notebook.id, at)
    if (notebook.restartWished && notebook.desired === 'RUNNING')
      return {
        to: { state: 'STARTING', phase: 'ALLOCATING', reason: notebook.reason, message: notebook.message },
        set: { restartWished: false },
        events: cancelled,
      }
    // A restart that was taken back has no ending yet: it is the wish to stop.
    const ending = notebook.endState ? null : endingOf(notebook, 'WISH', null)
    return {
      ...(await nextAfterCompute(tx, { ...notebook, ...ending })),
      set: { ...ending, ...NOTHING_HELD, restartWished: false },
      events: cancelled,
    }
  })
  const { database, engine, catalogue } = context.parts
  await wakeQueue(database, { nodeId: engine.nodeId, overcommit: catalogue.overcommit })
}

async function cancelSyncs(tx: Transaction, notebookId: string, at: Date) {
  const open = await tx.dataSync.findMany({ where: { notebookId, state: { in: ['PENDING', 'RUNNING'] } } })
  await tx.dataSync.updateMany({
    where: { id: { in: open.map(({ id }) => id) } },
    data: { state: 'CANCELLED', endedAt: at, revision: { increment: 1 } },
  })
  return open.map(({ id }) => ({ type: 'SyncProgressed', syncId: id }) as const)
}

/** Where nothing was written, there is nothing to save: the notebook settles from where it is. */
async function nextAfterCompute(tx: Transaction, notebook: Notebook): Promise<Pick<Change, 'to'>> {
  const written = await tx.localCopy.findMany({ where: { notebookId: notebook.id, written: true } })
  if (written.length === 0) return {}
  const phase = written.some(({ target }) => target === 'workspace') ? 'SAVING_WORKSPACE' : 'PUSHING_DATA'
  return { to: { state: 'STOPPING', phase, reason: notebook.endReason, message: notebook.endMessage } }
}
