/**
 * The only writer of notebooks. Every change goes through `changeNotebook`: one short transaction that locks the row, looks
 * at it, writes what differs and appends the events of it. A change of state or phase makes its own event, so there is no
 * change without an event and no event without a change.
 */

import type { EndSource } from '../domain/billing.ts'
import { NotFoundError } from '../domain/errors.ts'
import type { NotebookEvent } from '../domain/events.ts'
import { assertTransition, type Phase, placeOf, type Reason, type State } from '../domain/lifecycle.ts'
import type { Notebook, Prisma } from '../generated/prisma/client.ts'
import { type Database, ring, type Transaction } from './database.ts'
import { appendEvents } from './events.ts'

/** What a change consists of. Fields that are not named stay as they are. */
export interface Change {
  /** Where to go, checked against the table of transitions; or where it is already, to say something new about it. */
  to?: {
    state: State
    phase: Phase | null
    reason?: Reason | null
    message?: string | null
    /** For the event of leaving RUNNING. */
    endSource?: EndSource | undefined
  }
  set?: Omit<Prisma.NotebookUncheckedUpdateInput, 'state' | 'phase' | 'phaseStartedAt'>
  /** Beside those that `to` makes by itself. */
  events?: readonly NotebookEvent[]
  /** Wakes the reconciler: sets dueAt to now and rings. */
  wake?: boolean
}

/** The lease under which a controller writes. */
export interface Lease {
  owner: string
  epoch: number
}

/** Another controller owns the notebook now: nothing was written, and the loser has nothing left to do. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError'
  constructor(notebookId: string) {
    super(`The lease on notebook ${notebookId} is lost`)
  }
}

/**
 * Locks the notebook, asks `decide` what to do with it, and does it. `at` is the transaction's time, the same for all that
 * it writes. `decide` may write to other tables through `tx`; it must not write events. With a lease, throws LeaseLostError
 * unless it still holds; throws NotFoundError when the notebook is gone.
 */
export async function changeNotebook(
  database: Database,
  notebookId: string,
  lease: Lease | null,
  decide: (notebook: Notebook, tx: Transaction, at: Date) => Promise<Change> | Change,
): Promise<Notebook> {
  return database.$transaction(async (tx) => {
    const [locked] = await tx.$queryRaw<(Notebook & { at: Date })[]>`
      SELECT *, cahier_now() AS "at" FROM "Notebook"
      WHERE "id" = ${notebookId}::uuid AND "deletedAt" IS NULL FOR UPDATE`
    if (!locked) throw new NotFoundError('notebook')
    const { at, ...notebook } = locked
    if (lease && (notebook.leaseOwner !== lease.owner || notebook.leaseEpoch !== lease.epoch))
      throw new LeaseLostError(notebookId)
    return writeChange(tx, notebook, await decide(notebook, tx, at), at)
  })
}

async function writeChange(tx: Transaction, notebook: Notebook, change: Change, at: Date): Promise<Notebook> {
  const data: Prisma.NotebookUncheckedUpdateInput = { ...change.set }
  const events: NotebookEvent[] = []
  if (change.to) {
    const { state, phase, reason = null, message = null, endSource } = change.to
    const [from, to] = [placeOf(notebook.state, notebook.phase), placeOf(state, phase)]
    assertTransition(from, to)
    Object.assign(data, { state, phase, reason, message })
    if (from !== to) Object.assign(data, { attempts: 0, retryAt: null, phaseStartedAt: at })
    if (state !== notebook.state)
      events.push({
        type: 'StateChanged',
        from: notebook.state,
        to: state,
        phase,
        reason,
        message,
        ...(endSource && { endSource }),
      })
    else if (phase && (from !== to || message !== notebook.message))
      events.push({ type: 'PhaseChanged', phase, message })
  }
  if (change.wake) {
    Object.assign(data, { dueAt: at, wakes: { increment: 1 } })
    await ring(tx, 'cahier_wishes', notebook.id)
  }
  const changed =
    Object.keys(data).length > 0 ? await tx.notebook.update({ where: { id: notebook.id }, data }) : notebook
  const eventSeq = await appendEvents(tx, notebook, [...events, ...(change.events ?? [])], at)
  return { ...changed, eventSeq: eventSeq ?? changed.eventSeq }
}

/** Whether the lease still holds: asked right before every call that acts on the engine. Throws LeaseLostError. */
export async function assertLease(database: Database, notebookId: string, lease: Lease): Promise<void> {
  const held = await database.$queryRaw<unknown[]>`
    SELECT 1 AS "held" FROM "Notebook"
    WHERE "id" = ${notebookId}::uuid AND "leaseOwner" = ${lease.owner}::uuid AND "leaseEpoch" = ${lease.epoch}`
  if (held.length === 0) throw new LeaseLostError(notebookId)
}
