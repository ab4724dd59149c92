/** A project's quota: read for people, and claimed so that two simultaneous starts never both pass on the last unit. */
import { assertWithinQuota, type Held, type QuotaUse } from '../domain/quota.ts'
import type { Database, Transaction } from '../store/database.ts'

/** What the projects may use and what their notebooks hold, by project. */
export async function readQuotas(
  database: Database | Transaction,
  projectIds: readonly string[],
): Promise<Map<string, QuotaUse>> {
  const rows = await database.$queryRaw<(QuotaUse & { id: string })[]>`
    SELECT project."id", project."maxGpus", project."maxVcpus",
           coalesce(sum(notebook."heldGpus"), 0)::int AS "usedGpus",
           coalesce(sum(notebook."heldMilliCpus") FILTER (WHERE notebook."heldGpus" = 0), 0)::int AS "usedMilliCpus"
    FROM "Project" AS project LEFT JOIN "Notebook" AS notebook ON notebook."projectId" = project."id" AND notebook."heldMilliCpus" > 0
    WHERE project."id" = ANY(${projectIds}::uuid[]) GROUP BY project."id"`
  return new Map(rows.map(({ id, ...use }) => [id, use]))
}

/**
 * Throws QuotaExceededError unless the project may hold that much more. The project stays locked until the transaction
 * ends, which must then write the holding; answers the project's stream epoch.
 */
export async function claimQuota(tx: Transaction, projectId: string, held: Held): Promise<{ streamEpoch: string }> {
  const [project] = await tx.$queryRaw<{ streamEpoch: string }[]>`
    SELECT "streamEpoch" FROM "Project" WHERE "id" = ${projectId}::uuid FOR NO KEY UPDATE`
  const use = (await readQuotas(tx, [projectId])).get(projectId)
  if (!use || !project) throw new Error(`Project ${projectId} vanished while a notebook was started in it`)
  assertWithinQuota(use, held)
  return project
}
