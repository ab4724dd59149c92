/** Looks at a notebook: its rows, and what the engine says of each container on record. */
import { SAVE_RETRY_FOR_SECONDS, SAVE_RETRY_SECONDS } from '../domain/lifecycle.ts'
import { isCalledOff, type SeenContainer, type View } from '../domain/next-step.ts'
import type { ContainerEngine, ContainerStatus } from '../engine/port.ts'
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'
import { PassingFaultError } from './steps/context.ts'

const WITH_ALL = {
  volumes: { orderBy: { index: 'asc' }, include: { dataStore: true } },
  // Without what nothing is decided by, so that after a write the rest is known without another look.
  containers: { orderBy: { generation: 'asc' }, omit: { createdAt: true } },
  localCopies: { omit: { writtenSince: true } },
  syncs: { where: { state: { in: ['PENDING', 'RUNNING'] } }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] },
  project: { select: { streamEpoch: true } },
} satisfies Prisma.NotebookInclude

/** A notebook with everything that the reconciler decides by. */
export type NotebookRecord = Prisma.NotebookGetPayload<{ include: typeof WITH_ALL }>
export type ContainerRecord = NotebookRecord['containers'][number]
export type CopyRecord = NotebookRecord['localCopies'][number]

export interface Observation {
  notebook: NotebookRecord
  /** By the engine's id; null: on record, but gone. Empty when a start was called off: nobody looked. */
  statuses: ReadonlyMap<string, ContainerStatus | null>
  view: View
}

/**
 * `at`: the notebooks' time, where it was asked for a moment ago. Null when the notebook is deleted. Throws
 * EngineUnavailableError or PassingFaultError when a container cannot be looked at.
 */
export async function observe(
  database: Database,
  engine: ContainerEngine,
  notebookId: string,
  at: Date | null = null,
): Promise<Observation | null> {
  const [notebook, now] = await Promise.all([
    // One statement, not one for each relation.
    database.notebook.findUnique({
      where: { id: notebookId, deletedAt: null },
      include: WITH_ALL,
      relationLoadStrategy: 'join',
    }),
    at ?? readNow(database),
  ])
  if (!notebook) return null
  const statuses = isCalledOff(notebook) ? new Map() : await look(notebook, engine)
  return { notebook, statuses, view: viewOf(notebook, statuses, now) }
}

/** What the same look finds after a change of what is `changed`, and of the containers in `seen`, and of nothing else. */
export function lookAfter(
  before: Observation,
  changed: Partial<NotebookRecord>,
  now: Date,
  seen: Observation['statuses'] = new Map(),
): Observation {
  const notebook = { ...before.notebook, ...changed }
  const statuses = new Map([...before.statuses, ...seen])
  return { notebook, statuses, view: viewOf(notebook, statuses, now) }
}

async function readNow(database: Database): Promise<Date> {
  const [time] = await database.$queryRaw<[{ now: Date }]>`SELECT cahier_now() AS "now"`
  return time.now
}

async function look(notebook: NotebookRecord, engine: ContainerEngine): Promise<Map<string, ContainerStatus | null>> {
  assertHere(notebook, engine.nodeId)
  return new Map(await Promise.all(notebook.containers.map(async ({ id }) => [id, await engine.inspect(id)] as const)))
}

/** A container on another node cannot be seen from here, and must not be taken for gone because another engine is connected. */
function assertHere({ containers }: NotebookRecord, nodeId: string): void {
  const elsewhere = containers.find((container) => container.nodeId !== nodeId)
  if (elsewhere) throw new PassingFaultError(`Node ${elsewhere.nodeId}, on which it runs, is not connected.`)
}

function viewOf(notebook: NotebookRecord, statuses: Observation['statuses'], now: Date): View {
  return {
    now,
    state: notebook.state,
    phase: notebook.phase,
    desired: notebook.desired,
    restartWished: notebook.restartWished,
    stopsAt: notebook.stopsAt,
    warnedAhead: notebook.warnedAhead,
    checkpointAt: notebook.checkpointAt,
    holdsCompute: notebook.nodeId !== null || notebook.heldMilliCpus > 0,
    retryAt: notebook.retryAt,
    saveRetryAt: saveRetryAt(notebook),
    containers: notebook.containers.map(({ id, role, purpose, settled }) => ({
      id,
      role,
      purpose,
      settled,
      status: statusOf(statuses.get(id) ?? null),
    })),
    copies: notebook.localCopies.map(({ target, written, saveError }) => ({
      target,
      written,
      saveFailed: saveError !== null,
    })),
    openSyncs: notebook.syncs.map(({ operation, cancelWished }) => ({
      operation,
      container: notebook.containers.find((container) => container.operation === operation)?.id ?? null,
      cancelWished,
    })),
  }
}

function statusOf(status: ContainerStatus | null): SeenContainer['status'] {
  if (!status) return 'gone'
  return status.state === 'created' ? 'inert' : status.state === 'running' ? 'running' : 'ended'
}

/** A failed save is tried again every 10 min, for 24 h after the notebook stopped. */
function saveRetryAt({ phaseStartedAt, stoppedAt }: NotebookRecord): Date | null {
  if (!stoppedAt) return null
  const next = new Date(phaseStartedAt.getTime() + SAVE_RETRY_SECONDS * 1000)
  return next.getTime() - stoppedAt.getTime() > SAVE_RETRY_FOR_SECONDS * 1000 ? null : next
}
