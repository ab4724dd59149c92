/**
 * What a project's runs cost in a calendar month. A minute belongs to the month in which it began, so that a run over
 * midnight is split without losing or doubling one. Sums are exact numerators over 60; see domain/billing.ts.
 */
import { boundsOf, type YearMonth } from '../domain/month.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Database, Transaction } from './database.ts'

/** The runs of one notebook on one flavor at one price. */
export interface StatementRow {
  notebookId: string
  flavor: string
  /** Of one unit and hour, in millionths of the currency. */
  priceMicros: bigint
  currency: string
  minutes: number
  /** Minutes × units. */
  unitMinutes: bigint
  /** Of the amount, over 60. */
  numerator: bigint
}

interface Row extends Omit<StatementRow, 'unitMinutes' | 'numerator'> {
  unitMinutes: string
  numerator: string
}

/** Runs that go on count until `now`. In no order. */
export async function readStatement(
  database: Database | Transaction,
  projectId: string,
  month: YearMonth,
  now: Date,
): Promise<StatementRow[]> {
  const { from, to } = boundsOf(month)
  const rows = await database.$queryRaw<Row[]>`
    SELECT "notebookId", "flavor", "pricePerHourMicros" AS "priceMicros", "currency",
           sum("inMonth")::int AS "minutes", sum("inMonth" * "units")::text AS "unitMinutes",
           sum("inMonth" * "units" * "pricePerHourMicros")::text AS "numerator"
    FROM (
      SELECT *, least("total", ${minutesUntil(to)}) - least("total", ${minutesUntil(from)}) AS "inMonth"
      FROM (
        SELECT *, coalesce("minutes" - "waivedMinutes", greatest(1, ceil(extract(epoch FROM ${now}::timestamptz - "startedAt") / 60)))::bigint AS "total"
        FROM (
          SELECT * FROM "BillingPeriod" WHERE "projectId" = ${projectId}::uuid
          AND "startedAt" >= ${from}::timestamptz AND "startedAt" < ${to}::timestamptz
          UNION ALL
          SELECT * FROM "BillingPeriod" WHERE "projectId" = ${projectId}::uuid
          AND tstzrange("startedAt", "endedAt") @> ${from}::timestamptz AND "startedAt" < ${from}::timestamptz
        ) AS period
      ) AS counted
    ) AS split
    WHERE "inMonth" > 0 GROUP BY "notebookId", "flavor", "pricePerHourMicros", "currency"`
  return rows.map((row) => ({ ...row, unitMinutes: BigInt(row.unitMinutes), numerator: BigInt(row.numerator) }))
}

/** How many minutes of a run began before that moment, were it still going on then. */
function minutesUntil(moment: Date): Prisma.Sql {
  return Prisma.sql`greatest(0, ceil(extract(epoch FROM ${moment}::timestamptz - "startedAt") / 60))::bigint`
}
