/**
 * What notebooks use of a node's disk, on record. Apart from the notebooks' rows, so that a measurement holds up nobody
 * who works on them.
 */
import type { Database } from './database.ts'

/** Bytes by the engine's name of a volume, or its id of a container. */
export type Sizes = readonly { name: string; bytes: number }[]

/** Longer than any measurement takes, in seconds: after that, whoever began one is taken for dead. */
const MEASURING_LIMIT = 660

/** True for one caller when the node is due to be measured: this one is to do it, and then to say when it is due again. */
export async function claimMeasurement(database: Database, nodeId: string): Promise<boolean> {
  const claimed = await database.$executeRaw`
    UPDATE "EngineNode" SET "diskDueAt" = cahier_now() + make_interval(secs => ${MEASURING_LIMIT}::double precision)
    WHERE "id" = ${nodeId} AND ("diskDueAt" IS NULL OR "diskDueAt" <= cahier_now())`
  return claimed > 0
}

/** Due again after so many seconds. */
export async function endMeasurement(database: Database, nodeId: string, seconds: number): Promise<void> {
  await database.$executeRaw`
    UPDATE "EngineNode" SET "diskDueAt" = cahier_now() + make_interval(secs => ${seconds}::double precision)
    WHERE "id" = ${nodeId}`
}

export interface MeasuredNotebook {
  id: string
  flavor: string
  units: number
  usedBytes: bigint
  isNearlyFull: boolean
}

/**
 * Puts on record what each notebook of the node uses: its workspace, its RW and RWD volumes, and its container's writable
 * layer. Answers those that run. One statement, whatever their number.
 */
export async function recordDiskUsage(database: Database, nodeId: string, sizes: Sizes): Promise<MeasuredNotebook[]> {
  const names = sizes.map(({ name }) => name)
  const bytes = sizes.map((size) => size.bytes)
  return database.$queryRaw<MeasuredNotebook[]>`
    WITH size AS MATERIALIZED (
      SELECT * FROM unnest(${names}::text[], ${bytes}::double precision[]) AS size("name", "bytes")
    ), part AS (
      SELECT copy."notebookId", size."bytes" FROM "LocalCopy" AS copy
      JOIN size ON size."name" = copy."engineVolume"
      LEFT JOIN "Volume" AS volume ON volume."id"::text = copy."target"
      WHERE copy."nodeId" = ${nodeId} AND volume."permission" IS DISTINCT FROM 'RO'
      UNION ALL
      SELECT container."notebookId", size."bytes" FROM "Container" AS container
      JOIN size ON size."name" = container."id"
      WHERE container."nodeId" = ${nodeId} AND container."role" = 'NOTEBOOK'
    ), usage AS (
      SELECT "notebookId", sum("bytes")::bigint AS "usedBytes" FROM part GROUP BY "notebookId"
    ), gone AS (
      DELETE FROM "DiskUsage" WHERE "nodeId" = ${nodeId} AND "notebookId" NOT IN (SELECT "notebookId" FROM usage)
    ), recorded AS (
      INSERT INTO "DiskUsage" ("notebookId", "nodeId", "usedBytes", "measuredAt")
      SELECT "notebookId", ${nodeId}, "usedBytes", cahier_now() FROM usage
      ON CONFLICT ("notebookId") DO UPDATE
      SET "nodeId" = EXCLUDED."nodeId", "usedBytes" = EXCLUDED."usedBytes", "measuredAt" = EXCLUDED."measuredAt"
      RETURNING "notebookId", "usedBytes", "isNearlyFull"
    )
    SELECT notebook."id", notebook."flavor", notebook."units", recorded."usedBytes", recorded."isNearlyFull"
    FROM recorded JOIN "Notebook" AS notebook ON notebook."id" = recorded."notebookId"
    WHERE notebook."state" = 'RUNNING' AND notebook."deletedAt" IS NULL`
}
