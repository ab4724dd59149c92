/**
 * What a user wishes of a notebook. A settled state is left here, in the wish's own transaction; every other state is left
 * by the reconciler, which the wish wakes. Nothing here waits for an engine or a store.
 */
import { requireRole } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { InvalidStateError } from '../domain/errors.ts'
import { requireId } from '../domain/ids.ts'
import { isSettled, SETTLED, type State } from '../domain/lifecycle.ts'
import { holdingOf } from '../domain/quota.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import type { Transaction } from '../store/database.ts'
import { type Change, changeNotebook } from '../store/notebooks.ts'
import { assertWithinBudget } from './budgets.ts'
import { assertHostable, flavorOf, readNodes } from './flavors.ts'
import { claimKey, type Repeatable } from './idempotency.ts'
import type { UseCaseParts } from './parts.ts'
import { claimQuota } from './quota.ts'

export interface NotebookInput extends Repeatable {
  notebookId: string
}

/**
 * Authorises the viewer, locks the notebook and does what `decide` says; the repeat of an idempotency key changes nothing.
 * Throws NotFoundError, ForbiddenError, ConflictError, and what `decide` throws.
 */
export async function wish(
  parts: UseCaseParts,
  viewer: Viewer,
  mutation: string,
  input: NotebookInput,
  decide: (notebook: Notebook, tx: Transaction, at: Date) => Promise<Change> | Change,
): Promise<Notebook> {
  const id = requireId('Notebook', input.notebookId)
  await requireRole(parts.database, viewer, 'OPERATOR', 'Notebook', id)
  return changeNotebook(parts.database, id, null, async (notebook, tx, at) => {
    const earlier = await claimKey(tx, parts.vault, viewer, mutation, input, id)
    return earlier ? {} : decide(notebook, tx, at)
  })
}

/** From STOPPED, FAILED or ERROR. Throws also InvalidStateError, QuotaExceededError, BudgetReachedError, FlavorUnavailableError. */
export function startNotebook(parts: UseCaseParts, viewer: Viewer, input: NotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'startNotebook', input, async (notebook, tx, at) => {
    if (!isSettled(notebook.state)) throw refusal(notebook, 'started', SETTLED)
    const flavor = flavorOf(parts.catalogue, notebook)
    assertHostable(parts.catalogue, await readNodes(tx), flavor, notebook.units)
    const held = holdingOf(flavor, notebook.units)
    await claimQuota(tx, notebook.projectId, held)
    await assertWithinBudget(tx, notebook.projectId, flavor, notebook.units, at)
    return { to: { state: 'STARTING', phase: 'QUEUED' }, set: { ...FRESH, ...held }, wake: true }
  })
}

/** What a new start forgets of the last one. */
const FRESH = {
  desired: 'RUNNING',
  desiredReason: null,
  restartWished: false,
  confirmDeletions: false,
  endState: null,
  endReason: null,
  endMessage: null,
  startedAt: null,
  stopsAt: null,
  warnedAhead: null,
  stoppedAt: null,
  exitCode: null,
  oomKilled: null,
  logTail: null,
} as const

export interface StopNotebookInput extends NotebookInput {
  discardUnsaved?: boolean | null | undefined
}

/**
 * From STARTING or RUNNING; in STOPPING it is accepted and takes back a wished restart. With `discardUnsaved` from FAILED or
 * ERROR: what could not be saved is given up, for good. Throws also InvalidStateError.
 */
export function stopNotebook(parts: UseCaseParts, viewer: Viewer, input: StopNotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'stopNotebook', input, async (notebook, tx) => {
    if (input.discardUnsaved) {
      await assertUnsaved(tx, notebook, 'discarded')
      await discardUnsaved(tx, notebook)
      return backToStopping('Discarding what was not saved.')
    }
    if (isSettled(notebook.state) || notebook.state === 'DELETING')
      throw refusal(notebook, 'stopped', ['STARTING', 'RUNNING', 'STOPPING'])
    // Who wished an end first stays on record, and a wished deletion is not taken back.
    if (notebook.desired !== 'RUNNING') return { set: { restartWished: false }, wake: true }
    return { set: { desired: 'STOPPED', desiredReason: 'USER', restartWished: false }, wake: true }
  })
}

/** From RUNNING. Throws also InvalidStateError. */
export function restartNotebook(parts: UseCaseParts, viewer: Viewer, input: NotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'restartNotebook', input, (notebook) => {
    if (notebook.state !== 'RUNNING') throw refusal(notebook, 'restarted', ['RUNNING'])
    if (notebook.desired !== 'RUNNING')
      throw new InvalidStateError('The notebook is about to stop and cannot be restarted.', notebook.state, ['RUNNING'])
    return { set: { restartWished: true }, wake: true }
  })
}

export interface DeleteNotebookInput extends NotebookInput {
  force?: boolean | null | undefined
  discardUnsaved?: boolean | null | undefined
}

/**
 * From a settled state with everything saved, or with `discardUnsaved`; with `force` also from the others, which first stops
 * and saves. A deletion under way is accepted and goes on. Throws also InvalidStateError.
 */
export function deleteNotebook(parts: UseCaseParts, viewer: Viewer, input: DeleteNotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'deleteNotebook', input, async (notebook, tx) => {
    if (notebook.state === 'DELETING') return {}
    const set = { desired: 'DELETED', desiredReason: 'USER', restartWished: false } as const
    if (isSettled(notebook.state)) {
      if (input.discardUnsaved) await discardUnsaved(tx, notebook)
      else if (await hasUnsavedData(tx, notebook))
        throw new InvalidStateError(
          'The notebook has data that is not saved yet: save it with retryNotebookSync, or give it up with discardUnsaved.',
          notebook.state,
          SETTLED,
        )
      return { to: { state: 'DELETING', phase: 'REMOVING', reason: 'USER' }, set, wake: true }
    }
    if (!input.force) throw refusal(notebook, 'deleted without force', SETTLED)
    return { set, wake: true }
  })
}

export interface RetryNotebookSyncInput extends NotebookInput {
  confirmDeletions?: boolean | null | undefined
}

/** From FAILED or ERROR with unsaved data: tries to save it again. Throws also InvalidStateError. */
export function retryNotebookSync(
  parts: UseCaseParts,
  viewer: Viewer,
  input: RetryNotebookSyncInput,
): Promise<Notebook> {
  return wish(parts, viewer, 'retryNotebookSync', input, async (notebook, tx) => {
    await assertUnsaved(tx, notebook, 'saved again')
    await tx.localCopy.updateMany({
      where: { notebookId: notebook.id, written: true },
      data: { saveError: null, saveFault: null },
    })
    const { set, ...change } = backToStopping(null)
    return { ...change, set: { ...set, confirmDeletions: input.confirmDeletions ?? false } }
  })
}

/** From there the workspace alone is tried again. Throws InvalidStateError. */
export async function saveWorkspaceAgain(tx: Transaction, notebook: Notebook): Promise<Change> {
  const allowed = ['RUNNING', 'FAILED', 'ERROR'] as const
  if (notebook.state !== 'FAILED' && notebook.state !== 'ERROR') throw refusal(notebook, 'saved', allowed)
  const unsaved = { notebookId: notebook.id, target: 'workspace', written: true }
  const { count } = await tx.localCopy.updateMany({ where: unsaved, data: { saveError: null, saveFault: null } })
  if (count === 0) throw new InvalidStateError('The workspace has no unsaved data.', notebook.state, allowed)
  return backToStopping(null)
}

/** To where data is saved and copies are removed; it settles in STOPPED when that is done. */
function backToStopping(message: string | null): Change {
  return {
    to: { state: 'STOPPING', phase: 'SAVING_WORKSPACE', reason: 'USER', message },
    set: { desired: 'STOPPED', desiredReason: 'USER', endState: 'STOPPED', endReason: 'USER', endMessage: null },
    wake: true,
  }
}

/** Only FAILED and ERROR can have something that is both unsaved and left alone. Throws InvalidStateError. */
async function assertUnsaved(tx: Transaction, notebook: Notebook, done: string): Promise<void> {
  const allowed = ['FAILED', 'ERROR'] as const
  if (notebook.state !== 'FAILED' && notebook.state !== 'ERROR') throw refusal(notebook, done, allowed)
  if (!(await hasUnsavedData(tx, notebook)))
    throw new InvalidStateError('The notebook has no unsaved data.', notebook.state, allowed)
}

/** Marks the copies as holding nothing of worth; the reconciler then removes them. */
async function discardUnsaved(tx: Transaction, { id }: Notebook): Promise<void> {
  await tx.localCopy.updateMany({
    where: { notebookId: id },
    data: { written: false, writtenSince: null, saveError: null, saveFault: null },
  })
}

export async function hasUnsavedData(tx: Transaction, { id }: Notebook): Promise<boolean> {
  return (await tx.localCopy.count({ where: { notebookId: id, written: true } })) > 0
}

/** Says in which states it would be allowed. */
export function refusal({ state }: Notebook, done: string, allowed: readonly State[]): InvalidStateError {
  const states = allowed.join(', ').replace(/, ([^,]*)$/, ' or $1')
  return new InvalidStateError(`The notebook is ${state}; it can only be ${done} in ${states}.`, state, allowed)
}
