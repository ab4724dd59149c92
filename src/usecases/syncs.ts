/** The latest data syncs, looked up for many volumes or notebooks in one statement. */
import { type DataSync, Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'
import { columnsOf } from '../store/rows.ts'

/** By volume; a volume that was never synced is missing. */
export async function lastSyncs(database: Database, volumeIds: readonly string[]): Promise<Map<string, DataSync>> {
  const rows = await database.$queryRaw<(DataSync & { volumeId: string })[]>`
    SELECT ${columnsOf(Prisma.DataSyncScalarFieldEnum, 'sync')} FROM unnest(${volumeIds}::uuid[]) AS volume("id") CROSS JOIN LATERAL (
      SELECT * FROM "DataSync" WHERE "volumeId" = volume."id" ORDER BY "createdAt" DESC LIMIT 1
    ) AS sync`
  return new Map(rows.map((row) => [row.volumeId, row]))
}

/** The newest sync of the workspace, by notebook; one that had none is missing. */
export async function lastWorkspaceSyncs(
  database: Database,
  notebookIds: readonly string[],
): Promise<Map<string, DataSync>> {
  const rows = await database.$queryRaw<DataSync[]>`
    SELECT sync.* FROM unnest(${notebookIds}::uuid[]) AS notebook("id") CROSS JOIN LATERAL (
      SELECT * FROM "DataSync" WHERE "notebookId" = notebook."id" AND "volumeId" IS NULL
      ORDER BY "createdAt" DESC LIMIT 1
    ) AS sync`
  return new Map(rows.map((row) => [row.notebookId, row]))
}

/** When each notebook's workspace was last verified in the bucket; one that never was is missing. */
export async function lastSaves(database: Database, notebookIds: readonly string[]): Promise<Map<string, Date>> {
  // The copy knows it of a checkpoint that found nothing to carry, whose row gives way to the next.
  const rows = await database.$queryRaw<{ notebookId: string; savedAt: Date }[]>`
    SELECT "notebookId", max("savedAt") AS "savedAt" FROM (
      SELECT "notebookId", "endedAt" AS "savedAt" FROM "DataSync"
      WHERE "notebookId" = ANY(${notebookIds}::uuid[]) AND "volumeId" IS NULL AND "direction" = 'PUSH' AND "state" = 'DONE'
      UNION ALL
      SELECT "notebookId", "savedAt" FROM "LocalCopy"
      WHERE "notebookId" = ANY(${notebookIds}::uuid[]) AND "target" = 'workspace' AND "savedAt" IS NOT NULL
    ) AS save GROUP BY "notebookId"`
  return new Map(rows.map(({ notebookId, savedAt }) => [notebookId, savedAt]))
}
