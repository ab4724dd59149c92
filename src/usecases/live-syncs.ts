/**
 * Syncs that a user wishes while a notebook runs: put on record here, and carried out by the reconciler beside the notebook.
 */
import { randomUUID } from 'node:crypto'
import { requireRole } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { InvalidStateError } from '../domain/errors.ts'
import type { NotebookEvent } from '../domain/events.ts'
import { decodeId, requireId } from '../domain/ids.ts'
import { Problems } from '../domain/problems.ts'
import type { DataSync, Notebook, SyncDirection, Volume } from '../generated/prisma/client.ts'
import type { Transaction } from '../store/database.ts'
import { changeNotebook } from '../store/notebooks.ts'
import { claimKey, noteResults, type Repeatable, recallResults } from './idempotency.ts'
import { type NotebookInput, refusal, wish } from './notebooks.ts'
import type { UseCaseParts } from './parts.ts'

export interface SyncNotebookDataInput extends NotebookInput {
  direction: SyncDirection
  /** ALL unless given. */
  target?: 'ALL' | 'WORKSPACE' | 'VOLUME' | null | undefined
  /** Implies VOLUME. */
  volumeId?: string | null | undefined
  confirmDeletions?: boolean | null | undefined
}

const MUTATION = 'syncNotebookData'

/**
 * From RUNNING. Answers a sync for each target, the workspace's first: a new one, or the one under way that does all that is
 * asked. Throws NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError.
 */
export async function syncNotebookData(
  parts: UseCaseParts,
  viewer: Viewer,
  input: SyncNotebookDataInput,
): Promise<DataSync[]> {
  const { database } = parts
  let ids: string[] = []
  await wish(parts, viewer, MUTATION, input, async (notebook, tx) => {
    assertStaysUp(notebook, 'synced')
    const volumes = await tx.volume.findMany({ where: { notebookId: notebook.id }, orderBy: { index: 'asc' } })
    const targets = targetsOf(input, volumes)
    ids = await wishSyncs(tx, notebook, input, targets)
    await noteResults(tx, viewer, MUTATION, input, ids)
    return { wake: true }
  })
  if (ids.length === 0) ids = await recallResults(database, viewer, MUTATION, input)
  const syncs = await database.dataSync.findMany({ where: { id: { in: ids } } })
  return syncs.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))
}

/**
 * Puts a sync on record for each target, but for those of which one is under way that does all that is asked. Answers their
 * ids, in the targets' order.
 */
export async function wishSyncs(
  tx: Transaction,
  { id: notebookId }: Notebook,
  { direction, confirmDeletions }: Pick<SyncNotebookDataInput, 'direction' | 'confirmDeletions'>,
  targets: readonly (string | null)[],
): Promise<string[]> {
  const open = await tx.dataSync.findMany({
    // A checkpoint may have passed by already what is to be saved now.
    where: { notebookId, state: { in: ['PENDING', 'RUNNING'] }, cancelWished: false, isCheckpoint: false },
  })
  const wished = { notebookId, direction, confirmDeletions: confirmDeletions ?? false, operation: randomUUID() }
  const joined = targets.map((volumeId) => open.find((sync) => sync.volumeId === volumeId && doesAll(sync, wished)))
  const made = targets.map((volumeId) => ({ ...wished, id: randomUUID(), volumeId }))
  await tx.dataSync.createMany({ data: made.filter((_, index) => !joined[index]) })
  return made.map(({ id }, index) => joined[index]?.id ?? id)
}

/** Throws InvalidStateError unless the notebook runs and is wished to go on. */
export function assertStaysUp(notebook: Notebook, done: string): void {
  if (notebook.state !== 'RUNNING') throw refusal(notebook, done, ['RUNNING'])
  if (notebook.desired !== 'RUNNING' || notebook.restartWished)
    throw new InvalidStateError(`The run is about to end, so that nothing can be ${done} beside it.`, notebook.state, [
      'RUNNING',
    ])
}

/** Ids of volumes; null is the workspace. Throws ValidationError. */
function targetsOf(input: SyncNotebookDataInput, volumes: readonly Volume[]): (string | null)[] {
  const { direction, volumeId } = input
  const problems = new Problems()
  const target = volumeId && input.target !== 'WORKSPACE' ? 'VOLUME' : (input.target ?? 'ALL')
  const movable = volumes.filter(({ permission }) => direction === 'PULL' || permission !== 'RO')
  const volume = volumes.find(({ id }) => volumeId && id === decodeId('Volume', volumeId))
  if (target === 'WORKSPACE') {
    if (volumeId) problems.note('volumeId', 'is of a volume, but the target is the workspace.')
    if (direction === 'PULL') problems.note('target', 'must not be the workspace: a pull never touches it.')
  } else if (target === 'VOLUME') {
    if (!volumeId) problems.note('volumeId', 'is needed: it says which volume.')
    else if (!volume) problems.note('volumeId', 'is no volume of this notebook.')
    else if (!movable.includes(volume)) problems.note('volumeId', 'is of a read-only volume, which is never pushed.')
  } else if (direction === 'PULL' && movable.length === 0)
    problems.note('target', 'has nothing to pull: the notebook has no volumes.')
  problems.throwIfAny()
  if (target === 'WORKSPACE') return [null]
  if (volume) return [volume.id]
  return [...(direction === 'PUSH' ? [null] : []), ...movable.map(({ id }) => id)]
}

/** Whether a sync of the same target, which is not over, does what is wished: then that one is joined. */
function doesAll(sync: DataSync, wished: Pick<DataSync, 'direction' | 'confirmDeletions'>): boolean {
  return sync.direction === wished.direction && (sync.confirmDeletions || !wished.confirmDeletions)
}

export interface CancelDataSyncInput extends Repeatable {
  syncId: string
}

/**
 * Calls off a sync beside a running notebook; what it did by then stays done. One that is over stays as it is. Throws
 * NotFoundError, ForbiddenError, ConflictError, and InvalidStateError for a sync of a start or a stop.
 */
export async function cancelDataSync(
  { database, vault }: UseCaseParts,
  viewer: Viewer,
  input: CancelDataSyncInput,
): Promise<DataSync> {
  const id = requireId('DataSync', input.syncId)
  await requireRole(database, viewer, 'OPERATOR', 'DataSync', id)
  const { notebookId } = await database.dataSync.findUniqueOrThrow({ where: { id } })
  await changeNotebook(database, notebookId, null, async (notebook, tx, at) => {
    if (await claimKey(tx, vault, viewer, 'cancelDataSync', input, id)) return {}
    const { state, operation } = await tx.dataSync.findUniqueOrThrow({ where: { id } })
    if (state !== 'PENDING' && state !== 'RUNNING') return {}
    if (notebook.state !== 'RUNNING')
      throw new InvalidStateError(
        'The sync belongs to the start or the stop of its notebook; only one beside a RUNNING notebook can be cancelled.',
        notebook.state,
        ['RUNNING'],
      )
    const isCarried = (await tx.container.count({ where: { operation } })) > 0
    if (isCarried) {
      await tx.dataSync.update({ where: { id }, data: { cancelWished: true } })
      return { wake: true }
    }
    await tx.dataSync.update({
      where: { id },
      data: { state: 'CANCELLED', cancelWished: true, endedAt: at, revision: { increment: 1 } },
    })
    const last: NotebookEvent = { type: 'SyncProgressed', syncId: id }
    return { events: [last] }
  })
  return database.dataSync.findUniqueOrThrow({ where: { id } })
}
