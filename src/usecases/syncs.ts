/** The latest data syncs, looked up for many volumes or notebooks in one statement. */
import type { DataSync } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'

/** By volume; a volume that was never synced is missing. */
export async function lastSyncs(database: Database, volumeIds: readonly string[]): Promise<Map<string, DataSync>> {
  const rows = await database.$queryRaw<(DataSync & { volumeId: string })[]>`
    SELECT sync.* FROM unnest(${volumeIds}::uuid[]) AS volume("id") CROSS JOIN LATERAL (
      SELECT * FROM "DataSync" WHERE "volumeId" = volume."id" ORDER BY "createdAt" DESC LIMIT 1
    ) AS sync`
  return new Map(rows.map((row) => [row.volumeId, row]))
}

/** When each notebook's workspace was last verified in the bucket; one that never was is missing. */
export async function lastSaves(database: Database, notebookIds: readonly string[]): Promise<Map<string, Date>> {
  const rows = await database.$queryRaw<{ notebookId: string; endedAt: Date }[]>`
    SELECT "notebookId", max("endedAt") AS "endedAt" FROM "DataSync"
    WHERE "notebookId" = ANY(${notebookIds}::uuid[]) AND "volumeId" IS NULL AND "direction" = 'PUSH' AND "state" = 'DONE'
    GROUP BY "notebookId"`
  return new Map(rows.map(({ notebookId, endedAt }) => [notebookId, endedAt]))
}
