/**
 * The queue of a node: who waits for it, in which order, and for whom there is room. The order is fair between projects and
 * first come first served within one (docs/adr/0007-fair-queue.md); a notebook is admitted when the node has room for it after
 * all that is ahead of it. One statement answers all of it, so that there is one truth for admission, wake-ups and positions.
 */
import type { Catalogue } from '../domain/catalogue.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Database, Transaction } from './database.ts'

/** A day of waiting weighs as much as a whole node held: in seconds. */
const NODE_WORTH_SECONDS = 86_400

/** A node and how often its CPUs and memory may be given out. */
export interface Place {
  nodeId: string
  overcommit: Catalogue['overcommit']
}

/** What is asked of the queue on behalf of one notebook. */
export interface Turn {
  admitted: boolean
  /** The node's devices that it gets when it is admitted. */
  gpuDevices: string[]
  /** What is not free for it after all that is ahead of it; empty when it is admitted. */
  lacks: ('CPUS' | 'MEMORY' | 'GPUS')[]
}

/**
 * Whether the node has room for the notebook now; null: it does not wait for this node, or it is larger than the node. Locks
 * the node until the transaction ends, which must then write the reservation: two never both pass on the last unit.
 */
export async function takeTurn(tx: Transaction, place: Place, notebookId: string): Promise<Turn | null> {
  // A statement of its own: the next one then sees what the last holder of the lock wrote.
  await tx.$queryRaw`SELECT FROM "EngineNode" WHERE "id" = ${place.nodeId} FOR NO KEY UPDATE`
  const [turn] = await tx.$queryRaw<Turn[]>`
    WITH ${queueOf(place)}
    SELECT "admitted",
      ARRAY(SELECT "id" FROM "device" WHERE "model" = "heldGpuModel" AND "isFree" ORDER BY "index" LIMIT "heldGpus") AS "gpuDevices",
      array_remove(ARRAY[
        CASE WHEN "lacksGpus" THEN 'GPUS' END, CASE WHEN "lacksCpus" THEN 'CPUS' END, CASE WHEN "lacksMemory" THEN 'MEMORY' END
      ], NULL) AS "lacks"
    FROM "judged" WHERE "id" = ${notebookId}::uuid`
  return turn ?? null
}

/**
 * Units became free, or the node grew: those for whom there is room now look again at once, and nobody else. What an
 * admission changes needs no wake-up: whoever was behind still has that room ahead of it, held instead of waited for.
 */
export async function wakeQueue(database: Database, place: Place): Promise<void> {
  await database.$executeRaw`
    WITH ${queueOf(place)}, "woken" AS (
      UPDATE "Notebook" SET "dueAt" = cahier_now(), "retryAt" = NULL, "wakes" = "wakes" + 1
      WHERE "id" IN (SELECT "id" FROM "Notebook" WHERE "id" IN (SELECT "id" FROM "judged" WHERE "admitted")
                     ORDER BY "id" FOR UPDATE)
      RETURNING "id"
    ) SELECT pg_notify('cahier_wishes', "id"::text) FROM "woken"`
}

/** By notebook: its place in the queue, 1 being the next. One that does not wait, or cannot go to that node, is missing. */
export async function queuePositions(
  database: Database,
  place: Place,
  notebookIds: readonly string[],
): Promise<Map<string, number>> {
  const rows = await database.$queryRaw<{ id: string; position: number }[]>`
    WITH ${queueOf(place)} SELECT "id", "position" FROM "judged" WHERE "id" = ANY(${notebookIds}::uuid[])`
  return new Map(rows.map(({ id, position }) => [id, position]))
}

/**
 * The tables of a WITH clause. `free`: what the node has left. `device`: its GPUs. `judged`: who waits for it, with `position`
 * and `admitted`. What is ahead of a notebook counts against it, with one exception: who waits for a GPU leaves CPUs and
 * memory to those behind, since whoever gives the GPU back gives back what came with it.
 */
function queueOf({ nodeId, overcommit }: Place): Prisma.Sql {
  return Prisma.sql`
    "node" AS (
      SELECT "milliCpus" * ${overcommit.cpu}::float8 AS "milliCpus", "memoryBytes" * ${overcommit.memory}::float8 AS "memory", "gpus"
      FROM "EngineNode" WHERE "id" = ${nodeId}
    ), "device" AS (
      SELECT "gpu"->>'id' AS "id", "gpu"->>'model' AS "model", "index",
             "gpu"->>'id' NOT IN (SELECT unnest("gpuDevices") FROM "Notebook" WHERE "nodeId" = ${nodeId}) AS "isFree"
      FROM "node", jsonb_array_elements("gpus") WITH ORDINALITY AS "each" ("gpu", "index")
    ), "held" AS (
      SELECT "projectId", sum("heldMilliCpus")::float8 AS "milliCpus", sum("heldMemoryBytes")::float8 AS "memory",
             sum("heldGpus")::float8 AS "gpus"
      FROM "Notebook" WHERE "nodeId" = ${nodeId} GROUP BY "projectId"
    ), "free" AS (
      SELECT "node"."milliCpus" - coalesce(sum("held"."milliCpus"), 0) AS "milliCpus",
             "node"."memory" - coalesce(sum("held"."memory"), 0) AS "memory"
      FROM "node" LEFT JOIN "held" ON true GROUP BY "node"."milliCpus", "node"."memory"
    ), "waiting" AS (
      SELECT "Notebook"."id", "projectId", "phaseStartedAt" AS "since", "heldMilliCpus"::float8 AS "milliCpus",
             "heldMemoryBytes"::float8 AS "memory", "heldGpus", "heldGpuModel"
      FROM "Notebook", "node"
      WHERE "phase" = 'QUEUED' AND "desired" = 'RUNNING' AND "deletedAt" IS NULL
        AND "heldMilliCpus" <= "node"."milliCpus" AND "heldMemoryBytes" <= "node"."memory"
        AND "heldGpus" <= (SELECT count(*) FROM "device" WHERE "heldGpus" > 0 AND "model" = "heldGpuModel")
        AND NOT EXISTS (SELECT FROM "LocalCopy" AS "copy"
                        WHERE "copy"."notebookId" = "Notebook"."id" AND "written" AND "copy"."nodeId" <> ${nodeId})
    ), "shared" AS (
      SELECT "waiting".*, greatest(
               (coalesce("held"."milliCpus", 0) + sum("waiting"."milliCpus") OVER "own" - "waiting"."milliCpus") / nullif("node"."milliCpus", 0),
               (coalesce("held"."memory", 0) + sum("waiting"."memory") OVER "own" - "waiting"."memory") / nullif("node"."memory", 0),
               (coalesce("held"."gpus", 0) + sum("heldGpus") OVER "own" - "heldGpus") / nullif(jsonb_array_length("node"."gpus"), 0)
             ) + extract(epoch FROM "since")::float8 / ${NODE_WORTH_SECONDS} AS "turn"
      FROM "waiting" CROSS JOIN "node" LEFT JOIN "held" USING ("projectId")
      WINDOW "own" AS (PARTITION BY "projectId" ORDER BY "since", "waiting"."id" ROWS UNBOUNDED PRECEDING)
    ), "ranked" AS (
      SELECT *, "heldGpus" > 0 AND sum("heldGpus") OVER (
                  PARTITION BY "heldGpuModel" ORDER BY "turn", "since", "id" ROWS UNBOUNDED PRECEDING
                ) > (SELECT count(*) FROM "device" WHERE "model" = "heldGpuModel" AND "isFree") AS "lacksGpus"
      FROM "shared"
    ), "measured" AS (
      SELECT "ranked".*, (row_number() OVER "line")::int AS "position",
             NOT "lacksGpus" AND sum("ranked"."milliCpus") FILTER (WHERE NOT "lacksGpus") OVER "line" > "free"."milliCpus" AS "lacksCpus",
             NOT "lacksGpus" AND sum("ranked"."memory") FILTER (WHERE NOT "lacksGpus") OVER "line" > "free"."memory" AS "lacksMemory"
      FROM "ranked", "free"
      WINDOW "line" AS (ORDER BY "turn", "since", "id" ROWS UNBOUNDED PRECEDING)
    ), "judged" AS (
      SELECT *, NOT ("lacksGpus" OR "lacksCpus" OR "lacksMemory") AS "admitted" FROM "measured"
    )`
}
