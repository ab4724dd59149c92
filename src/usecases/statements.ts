/**
 * What a project's runs cost in a calendar month. A minute belongs to the month in which it began, so that a run over
 * midnight is split without losing or doubling one. Sums are exact numerators over 60; see domain/billing.ts.
 */
import { watchableNotebooks } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { boundsOf, closesAt, type YearMonth } from '../domain/month.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'

/** The runs of one notebook on one flavor at one price. */
export interface StatementLine {
  notebookId: string
  notebookName: string
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

export interface Statement {
  month: YearMonth
  /** It does not change any more. */
  isClosed: boolean
  lines: StatementLine[]
}

interface Row extends Omit<StatementLine, 'notebookName' | 'unitMinutes' | 'numerator'> {
  unitMinutes: string
  numerator: string
}

/** Of the notebooks that the viewer may see, deleted ones too, in the order of their creation. Runs that go on count until `now`. */
export async function statementOf(
  database: Database,
  viewer: Viewer,
  projectId: string,
  month: YearMonth,
  now: Date,
): Promise<Statement> {
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
  const notebooks = await database.notebook.findMany({
    where: { AND: [watchableNotebooks(viewer), { id: { in: rows.map(({ notebookId }) => notebookId) } }] },
    select: { id: true, name: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  })
  const lines = notebooks.flatMap(({ id, name }) =>
    rows
      .filter(({ notebookId }) => notebookId === id)
      .map((row) => ({
        ...row,
        notebookName: name,
        unitMinutes: BigInt(row.unitMinutes),
        numerator: BigInt(row.numerator),
      })),
  )
  return { month, isClosed: now >= closesAt(month) && !(await hasUnknownEnd(database, projectId, to)), lines }
}

/** How many minutes of a run began before that moment, were it still going on then. */
function minutesUntil(moment: Date): Prisma.Sql {
  return Prisma.sql`greatest(0, ceil(extract(epoch FROM ${moment}::timestamptz - "startedAt") / 60))::bigint`
}

/** Whether a run that began before midnight may have ended before it: nobody has seen it alive since. */
async function hasUnknownEnd(database: Database, projectId: string, midnight: Date): Promise<boolean> {
  const [{ isUnknown }] = await database.$queryRaw<[{ isUnknown: boolean }]>`
    SELECT EXISTS (
      SELECT FROM "BillingPeriod" AS period
      WHERE period."projectId" = ${projectId}::uuid AND period."endedAt" IS NULL AND period."startedAt" < ${midnight}::timestamptz
      AND NOT EXISTS (
        SELECT FROM "Container" AS container
        WHERE container."notebookId" = period."notebookId" AND container."generation" = period."generation"
        AND container."role" = 'NOTEBOOK' AND container."lastSeenAliveAt" >= ${midnight}::timestamptz
      )
    ) AS "isUnknown"`
  return isUnknown
}
