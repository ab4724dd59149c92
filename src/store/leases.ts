/**
 * Who works on which notebook. A controller claims notebooks that are due and owns each until it releases it or its lease
 * runs out. The epoch rises with every claim, so that a late write of a former owner is refused (see changeNotebook).
 * Leases run on the database's real time, since they are about processes that live or do not; what is due is judged by the
 * notebooks' clock, `cahier_now()`.
 */
import type { Database } from './database.ts'
import type { Lease } from './notebooks.ts'

export interface Claim {
  notebookId: string
  lease: Lease
  /** When it was claimed, by the notebooks' clock. */
  at: Date
}

/**
 * Takes up to `limit` due notebooks that nobody owns, the longest due first; none of the `busy` ones, on which the owner
 * still works: a renewal that comes late, and before anybody else, is no reason to begin the work anew.
 */
export async function claimDue(
  database: Database,
  owner: string,
  leaseSeconds: number,
  limit: number,
  busy: readonly string[],
): Promise<Claim[]> {
  const rows = await database.$queryRaw<{ id: string; leaseEpoch: number; at: Date }[]>`
    UPDATE "Notebook" SET "leaseOwner" = ${owner}::uuid, "leaseEpoch" = "leaseEpoch" + 1,
      "leaseUntil" = now() + make_interval(secs => ${leaseSeconds}::double precision)
    WHERE "id" IN (
      SELECT "id" FROM "Notebook"
      WHERE "dueAt" <= cahier_now() AND ("leaseUntil" IS NULL OR "leaseUntil" < now()) AND "deletedAt" IS NULL
        AND "id" <> ALL(${busy}::uuid[])
      ORDER BY "dueAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ) RETURNING "id", "leaseEpoch", cahier_now() AS "at"`
  return rows.map(({ id, leaseEpoch, at }) => ({ notebookId: id, lease: { owner, epoch: leaseEpoch }, at }))
}

/** Prolongs the owner's leases on these notebooks and answers which ones it still holds. */
export async function renewLeases(
  database: Database,
  owner: string,
  leaseSeconds: number,
  notebookIds: readonly string[],
): Promise<Set<string>> {
  const rows = await database.$queryRaw<{ id: string }[]>`
    UPDATE "Notebook" SET "leaseUntil" = now() + make_interval(secs => ${leaseSeconds}::double precision)
    WHERE "id" IN (SELECT "id" FROM "Notebook" WHERE "leaseOwner" = ${owner}::uuid AND "id" = ANY(${notebookIds}::uuid[])
                   ORDER BY "id" FOR UPDATE)
    RETURNING "id"`
  return new Set(rows.map(({ id }) => id))
}

/**
 * Gives a notebook back, due again at `until`; at once if it was woken after `wakes` was read. Does nothing when the lease is
 * lost.
 */
export async function releaseLease(
  database: Database,
  { notebookId, lease }: Claim,
  wakes: number | null,
  until: Date | null,
): Promise<void> {
  await database.$executeRaw`
    UPDATE "Notebook" SET "leaseOwner" = NULL, "leaseUntil" = NULL,
      "dueAt" = CASE WHEN "wakes" = ${wakes}::int THEN ${until}::timestamptz ELSE "dueAt" END
    WHERE "id" = ${notebookId}::uuid AND "leaseOwner" = ${lease.owner}::uuid AND "leaseEpoch" = ${lease.epoch}`
}

/** Makes notebooks due now, whoever owns them. */
export async function wakeNotebooks(database: Database, notebookIds: readonly string[]): Promise<void> {
  if (notebookIds.length === 0) return
  await database.$executeRaw`
    WITH woken AS (
      UPDATE "Notebook" SET "dueAt" = cahier_now(), "wakes" = "wakes" + 1
      WHERE "id" IN (SELECT "id" FROM "Notebook" WHERE "id" = ANY(${notebookIds}::uuid[]) AND "deletedAt" IS NULL
                     ORDER BY "id" FOR UPDATE)
      RETURNING "id"
    ) SELECT pg_notify('cahier_wishes', "id"::text) FROM woken`
}
