/**
 * What a look at all containers of a node means for the records, in one statement whatever their number: who lives is
 * marked, who should and does not is woken, and of the rest it is answered what their notebooks' rows say.
 */
import type { Database } from './database.ts'

type Nullable<T, Key extends keyof T> = Omit<T, Key> & { [K in Key]: T[K] | null }

/** A container as the engine lists it. */
export interface Sighting {
  id: string
  notebookId: string
  isRunning: boolean
}

/** What the row says of the notebook of a container that is not on record. */
export interface RowOfStranger {
  /** The newest given to a container of the notebook. */
  generation: number
  isDeleted: boolean
  /** When the database was last put in place from a backup; null: never. */
  restoredAt: Date | null
}

/**
 * Marks the containers that run as alive, and wakes each RUNNING notebook of the node whose container is not among them.
 * Answers, by container, what the rows say of those that are not on record; null: the database does not know the notebook.
 *
 * Locks are taken as steps take them, notebooks before their containers. A container's row that someone holds right now is
 * being written by who knows better, a step or another sweep: it is not waited for.
 */
export async function recordSightings(
  database: Database,
  nodeId: string,
  sightings: readonly Sighting[],
): Promise<Map<string, RowOfStranger | null>> {
  const ids = sightings.map(({ id }) => id)
  const notebookIds = sightings.map(({ notebookId }) => notebookId)
  const areRunning = sightings.map(({ isRunning }) => isRunning)
  const strangers = await database.$queryRaw<(Nullable<RowOfStranger, 'generation'> & { id: string })[]>`
    WITH seen AS MATERIALIZED (
      SELECT * FROM unnest(${ids}::text[], ${notebookIds}::uuid[], ${areRunning}::boolean[])
      AS sighting("id", "notebookId", "isRunning")
    ), bereft AS (
      SELECT "id" FROM "Notebook"
      WHERE "state" = 'RUNNING' AND "deletedAt" IS NULL AND "id" IN (
        SELECT container."notebookId" FROM "Container" AS container
        LEFT JOIN seen ON seen."id" = container."id" AND seen."isRunning"
        WHERE container."nodeId" = ${nodeId} AND container."role" = 'NOTEBOOK' AND NOT container."settled" AND seen."id" IS NULL
      ) ORDER BY "id" FOR UPDATE
    ), woken AS (
      UPDATE "Notebook" SET "dueAt" = cahier_now(), "wakes" = "wakes" + 1
      WHERE "id" IN (SELECT "id" FROM bereft) RETURNING pg_notify('cahier_wishes', "id"::text)
    ), alive AS (
      SELECT container."id" FROM "Container" AS container JOIN seen ON seen."id" = container."id" AND seen."isRunning"
      WHERE (SELECT count(*) FROM bereft) >= 0 FOR NO KEY UPDATE OF container SKIP LOCKED
    ), marked AS (
      UPDATE "Container" SET "lastSeenAliveAt" = cahier_now() WHERE "id" IN (SELECT "id" FROM alive)
    )
    SELECT seen."id", notebook."generation", notebook."deletedAt" IS NOT NULL AS "isDeleted",
      (SELECT "restoredAt" FROM "Installation") AS "restoredAt"
    FROM seen LEFT JOIN "Notebook" AS notebook ON notebook."id" = seen."notebookId"
    WHERE NOT EXISTS (SELECT FROM "Container" AS container WHERE container."id" = seen."id")`
  return new Map(
    strangers.map(({ id, generation, ...row }) => [id, generation === null ? null : { generation, ...row }]),
  )
}
