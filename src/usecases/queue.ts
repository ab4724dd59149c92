/** Where waiting notebooks stand in the queue of their project. */
import type { Database } from '../store/database.ts'

/** By notebook: 1 is the next of its project; one that does not wait is missing. */
export async function queuePositions(database: Database, notebookIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.$queryRaw<{ id: string; position: number }[]>`
    SELECT "id", "position" FROM (
      SELECT "id", (row_number() OVER (PARTITION BY "projectId" ORDER BY "phaseStartedAt", "id"))::int AS "position"
      FROM "Notebook"
      WHERE "phase" = 'QUEUED' AND "deletedAt" IS NULL AND "projectId" IN (
        SELECT "projectId" FROM "Notebook" WHERE "id" = ANY(${notebookIds}::uuid[])
      )
    ) AS queue WHERE "id" = ANY(${notebookIds}::uuid[])`
  return new Map(rows.map(({ id, position }) => [id, position]))
}
