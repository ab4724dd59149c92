/**
 * What runs cost so far: closed periods as billed, open ones by the minutes commenced until now. Exact numerators over 60,
 * in micros of the currency; see domain/billing.ts.
 */
import type { Database } from '../store/database.ts'

interface Sum {
  id: string
  numerator: string
}

/** All runs of each notebook; a notebook that never ran is missing. */
export async function notebookCosts(
  database: Database,
  notebookIds: readonly string[],
  now: Date,
): Promise<Map<string, bigint>> {
  const sums = await database.$queryRaw<Sum[]>`
    SELECT "notebookId" AS "id", sum("minutes" * "units" * "pricePerHourMicros")::text AS "numerator"
    FROM (
      SELECT "notebookId", "units", "pricePerHourMicros",
             coalesce("minutes", greatest(1, ceil(extract(epoch FROM ${now}::timestamptz - "startedAt") / 60))) AS "minutes"
      FROM "BillingPeriod" WHERE "notebookId" = ANY(${notebookIds}::uuid[])
    ) AS run GROUP BY "notebookId"`
  return toMap(sums)
}

/** The runs of each project's notebooks in the present calendar month (UTC): every minute that began in it. */
export async function projectCosts(
  database: Database,
  projectIds: readonly string[],
  now: Date,
): Promise<Map<string, bigint>> {
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()))
  const sums = await database.$queryRaw<Sum[]>`
    SELECT "projectId" AS "id", sum(greatest(0, "minutes" - "before") * "units" * "pricePerHourMicros")::text AS "numerator"
    FROM (
      SELECT "projectId", "units", "pricePerHourMicros",
             coalesce("minutes", greatest(1, ceil(extract(epoch FROM ${now}::timestamptz - "startedAt") / 60))) AS "minutes",
             greatest(0, ceil(extract(epoch FROM ${month}::timestamptz - "startedAt") / 60)) AS "before"
      FROM "BillingPeriod"
      WHERE "projectId" = ANY(${projectIds}::uuid[]) AND ("endedAt" IS NULL OR "endedAt" > ${month}::timestamptz)
    ) AS run GROUP BY "projectId"`
  return toMap(sums)
}

function toMap(sums: readonly Sum[]): Map<string, bigint> {
  // Sums of numeric with ceil carry a fraction of zeros.
  return new Map(sums.map(({ id, numerator }) => [id, BigInt(numerator.split('.')[0] as string)]))
}
