/**
 * What runs cost so far: closed periods as billed, open ones by the minutes commenced until now. Exact numerators over 60,
 * in micros of the currency; see domain/billing.ts.
 */
import { boundsOf, monthOf } from '../domain/month.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Database, Transaction } from './database.ts'

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
             coalesce("minutes" - "waivedMinutes", greatest(1, ceil(extract(epoch FROM ${now}::timestamptz - "startedAt") / 60))) AS "minutes"
      FROM "BillingPeriod" WHERE "notebookId" = ANY(${notebookIds}::uuid[])
    ) AS run GROUP BY "notebookId"`
  return toMap(sums)
}

/** The runs of each project's notebooks in the present calendar month (UTC): every minute that began in it. */
export function projectCosts(
  database: Database | Transaction,
  projectIds: readonly string[],
  now: Date,
): Promise<Map<string, bigint>> {
  return costsOfMonth(database, projectIds, now, Prisma.sql`${now}::timestamptz`)
}

/**
 * The same at the month's end, if nothing is started or stopped by anyone: what runs goes on to its limit, and with
 * `autoRestart` to the month's end.
 */
export function projectForecasts(
  database: Database,
  projectIds: readonly string[],
  now: Date,
): Promise<Map<string, bigint>> {
  const { to } = boundsOf(monthOf(now))
  const limit = Prisma.sql`CASE WHEN notebook."autoRestart" THEN 'infinity' ELSE notebook."stopsAt" END`
  const end = Prisma.sql`least(${to}::timestamptz, greatest(${now}::timestamptz, ${limit}))`
  return costsOfMonth(database, projectIds, now, end)
}

/** `openEnd`: until when a run counts that goes on. */
async function costsOfMonth(
  database: Database | Transaction,
  projectIds: readonly string[],
  now: Date,
  openEnd: Prisma.Sql,
): Promise<Map<string, bigint>> {
  const { from } = boundsOf(monthOf(now))
  const sums = await database.$queryRaw<Sum[]>`
    SELECT "projectId" AS "id", sum(greatest(0, "minutes" - "before") * "units" * "pricePerHourMicros")::text AS "numerator"
    FROM (
      SELECT period."projectId", period."units", period."pricePerHourMicros",
             coalesce("minutes" - "waivedMinutes", greatest(1, ceil(extract(epoch FROM ${openEnd} - period."startedAt") / 60))) AS "minutes",
             greatest(0, ceil(extract(epoch FROM ${from}::timestamptz - period."startedAt") / 60)) AS "before"
      FROM "BillingPeriod" AS period JOIN "Notebook" AS notebook ON notebook."id" = period."notebookId"
      WHERE period."projectId" = ANY(${projectIds}::uuid[]) AND ("endedAt" IS NULL OR "endedAt" > ${from}::timestamptz)
    ) AS run GROUP BY "projectId"`
  return toMap(sums)
}

function toMap(sums: readonly Sum[]): Map<string, bigint> {
  // Sums of numeric with ceil carry a fraction of zeros.
  return new Map(sums.map(({ id, numerator }) => [id, BigInt(numerator.split('.')[0] as string)]))
}
