/**
 * The only writer of notebooks. Every change is one short transaction that locks the row, looks at it, writes what differs
 * and appends the events of it. A change of state or phase makes its own event, so there is no change without an event and
 * no event without a change.
 */

import type { RunEnd } from '../domain/billing.ts'
import { NotFoundError } from '../domain/errors.ts'
import type { NotebookEvent, RunTerms } from '../domain/events.ts'
import { assertTransition, type Phase, placeOf, type Reason, type State } from '../domain/lifecycle.ts'
import { type Notebook, Prisma } from '../generated/prisma/client.ts'
import type { Channel, Database, Transaction } from './database.ts'
import { writingEvents } from './events.ts'
import { asJson, besides, columnsOf } from './rows.ts'

const COLUMNS = columnsOf(Prisma.NotebookScalarFieldEnum, 'Notebook')

/** Columns that a change never sets itself. */
type WrittenHere = 'id' | 'projectId' | 'state' | 'phase' | 'phaseStartedAt' | 'updatedAt' | 'wakes' | 'eventSeq'

/** What a change consists of. Fields that are not named stay as they are. */
export interface Change {
  /** Where to go, checked against the table of transitions; or where it is already, to say something new about it. */
  to?: {
    state: State
    phase: Phase | null
    reason?: Reason | null
    message?: string | null
    /** For the event of entering RUNNING. */
    terms?: RunTerms
    /** For the event of leaving it. */
    end?: RunEnd | undefined
  }
  set?: Partial<Omit<Notebook, WrittenHere>>
  /** Beside those that `to` makes by itself. */
  events?: readonly NotebookEvent[]
  /** Statements on other tables, carried out together with the change. They see a table "held" with the notebook's id. */
  also?: readonly Prisma.Sql[]
  /** Wakes the reconciler: sets dueAt to now and rings. */
  wake?: boolean
  /** Tells the gateways that the way to it changed. */
  reroutes?: boolean
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
      SELECT ${COLUMNS}, cahier_now() AS "at" FROM "Notebook"
      WHERE "id" = ${notebookId}::uuid AND "deletedAt" IS NULL FOR UPDATE`
    if (!locked) throw new NotFoundError('notebook')
    const { at, ...notebook } = locked
    if (lease && (notebook.leaseOwner !== lease.owner || notebook.leaseEpoch !== lease.epoch))
      throw new LeaseLostError(notebookId)
    const written = await write(tx, notebook, await decide(notebook, tx, at), at, Prisma.sql`true`)
    return written?.row ?? notebook
  })
}

/**
 * The same in a single statement, for a change that is decided by where the notebook is and what is wished of it, as `known`
 * says. Null when that is not so any more or the lease is lost: then nothing was written.
 */
export async function changeKnownNotebook(
  database: Database,
  known: Notebook,
  lease: Lease,
  change: Change,
): Promise<Written | null> {
  // Every wish wakes, so that an equal count of wakes means equal wishes.
  const asKnown = Prisma.sql`
    "deletedAt" IS NULL AND "leaseOwner" = ${lease.owner}::uuid AND "leaseEpoch" = ${lease.epoch}
    AND "state"::text = ${known.state} AND "phase"::text IS NOT DISTINCT FROM ${known.phase} AND "wakes" = ${known.wakes}`
  return write(database, known, change, null, asKnown)
}

/** The row as it is now, and the transaction's time. */
export interface Written {
  row: Notebook
  at: Date
}

/** Null when there was nothing to write, or `condition`, on the row, does not hold. `at`: null is the transaction's time. */
async function write(
  tx: Database | Transaction,
  notebook: Notebook,
  change: Change,
  at: Date | null,
  condition: Prisma.Sql,
): Promise<Written | null> {
  const { also = [], set = {}, wake, reroutes } = change
  const events = [...eventsOf(notebook, change), ...(change.events ?? [])]
  const assignments = assignmentsOf(notebook, change, at)
  if (events.length + assignments.length + also.length === 0) return null
  if (events.length > 0) assignments.push(Prisma.sql`"eventSeq" = "counter"."newest"`)
  const others = besides(also)
  if (events.length > 0) others.push(writingEvents(events, at))
  const [written] = await tx.$queryRaw<(Notebook & { writtenAt: Date; rung: unknown })[]>`
    WITH ${Prisma.join([
      Prisma.sql`"held" AS (
        SELECT "id", "projectId" FROM "Notebook" WHERE "id" = ${notebook.id}::uuid AND ${condition} FOR UPDATE
      )`,
      ...others,
    ])}
    UPDATE "Notebook" SET ${Prisma.join([...assignments, Prisma.sql`"updatedAt" = ${timeOf(at)}`])}
    FROM "held"${events.length > 0 ? Prisma.sql`, "counter"` : Prisma.empty},
         jsonb_populate_record(NULL::"Notebook", ${asJson(set)}::jsonb) AS "patch"
    WHERE "Notebook"."id" = "held"."id"
    RETURNING ${COLUMNS}, ${timeOf(at)} AS "writtenAt",
      ${ringing([...(wake ? (['cahier_wishes'] as const) : []), ...(reroutes ? (['cahier_routes'] as const) : [])])} AS "rung"`
  if (!written) return null
  const { writtenAt, rung: _, ...row } = written
  return { row, at: writtenAt }
}

function ringing(channels: readonly Channel[]): Prisma.Sql {
  const rings = channels.map((channel) => Prisma.sql`pg_notify(${channel}, "Notebook"."id"::text)::text`)
  return Prisma.sql`ARRAY[${Prisma.join([...rings, Prisma.sql`NULL::text`])}]`
}

function timeOf(at: Date | null): Prisma.Sql {
  return at ? Prisma.sql`${at}::timestamptz` : Prisma.sql`cahier_now()`
}

/** What an UPDATE of the row sets. The values of `change.set` come from a record "patch". */
function assignmentsOf(notebook: Notebook, { to, set = {}, wake }: Change, at: Date | null): Prisma.Sql[] {
  const isMoving = to && placeOf(notebook.state, notebook.phase) !== placeOf(to.state, to.phase)
  const whenMoving = { attempts: Prisma.sql`0`, retryAt: Prisma.sql`NULL`, phaseStartedAt: timeOf(at) }
  return Object.entries({
    ...Object.fromEntries(Object.keys(set).map((column) => [column, Prisma.raw(`"patch"."${column}"`)])),
    ...(to && {
      state: Prisma.sql`${to.state}::"NotebookState"`,
      phase: Prisma.sql`${to.phase}::"NotebookPhase"`,
      reason: Prisma.sql`${to.reason ?? null}::"StateReason"`,
      message: Prisma.sql`${to.message ?? null}`,
    }),
    ...(isMoving && whenMoving),
    ...(wake && { dueAt: timeOf(at), wakes: Prisma.sql`"Notebook"."wakes" + 1` }),
  }).map(([column, value]) => Prisma.sql`${Prisma.raw(`"${column}"`)} = ${value}`)
}

/** Those that a change of place makes by itself. Throws when the table of transitions does not know it. */
function eventsOf(notebook: Notebook, { to }: Change): NotebookEvent[] {
  if (!to) return []
  const { state, phase, reason = null, message = null, terms, end } = to
  const [from, where] = [placeOf(notebook.state, notebook.phase), placeOf(state, phase)]
  assertTransition(from, where)
  if (state !== notebook.state)
    return [
      {
        type: 'StateChanged',
        from: notebook.state,
        to: state,
        phase,
        reason,
        message,
        ...(terms && { terms }),
        ...(end && { ...end, endedAt: end.endedAt.toISOString() }),
      },
    ]
  return phase && (from !== where || message !== notebook.message) ? [{ type: 'PhaseChanged', phase, message }] : []
}

/** Whether the lease still holds: asked right before every call that acts on the engine. Throws LeaseLostError. */
export async function assertLease(database: Database, notebookId: string, lease: Lease): Promise<void> {
  const held = await database.$queryRaw<unknown[]>`
    SELECT 1 AS "held" FROM "Notebook"
    WHERE "id" = ${notebookId}::uuid AND "leaseOwner" = ${lease.owner}::uuid AND "leaseEpoch" = ${lease.epoch}`
  if (held.length === 0) throw new LeaseLostError(notebookId)
}
