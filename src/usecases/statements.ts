/** What a project's runs cost in a calendar month, as its members see it. */
import { watchableNotebooks } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { boundsOf, closesAt, type YearMonth } from '../domain/month.ts'
import type { Database } from '../store/database.ts'
import { readStatement, type StatementRow } from '../store/statements.ts'

export interface StatementLine extends StatementRow {
  /** Its present name, or the last that it had. */
  notebookName: string
}

export interface Statement {
  month: YearMonth
  /** It does not change any more. */
  isClosed: boolean
  lines: StatementLine[]
}

/** Of the notebooks that the viewer may see, deleted ones too, in the order of their creation. Runs that go on count until `now`. */
export async function statementOf(
  database: Database,
  viewer: Viewer,
  projectId: string,
  month: YearMonth,
  now: Date,
): Promise<Statement> {
  const rows = await readStatement(database, projectId, month, now)
  const notebooks = await database.notebook.findMany({
    where: { AND: [watchableNotebooks(viewer), { id: { in: rows.map(({ notebookId }) => notebookId) } }] },
    select: { id: true, name: true },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  })
  const lines = notebooks.flatMap(({ id, name }) =>
    rows.filter(({ notebookId }) => notebookId === id).map((row) => ({ ...row, notebookName: name })),
  )
  return {
    month,
    isClosed: now >= closesAt(month) && !(await hasUnknownEnd(database, projectId, boundsOf(month).to)),
    lines,
  }
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
