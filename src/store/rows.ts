/** Rows of tables in statements of our own: a whole row, or several, in one parameter, whatever the types of its columns. */
import { Prisma } from '../generated/prisma/client.ts'

/** A table's columns for a SELECT or RETURNING. By name: a prepared statement that answers `*` is refused after the next migration. */
export function columnsOf(fields: Readonly<Record<string, string>>, table: string): Prisma.Sql {
  return Prisma.join(Object.values(fields).map((field) => Prisma.raw(`"${table}"."${field}"`)))
}

/** For jsonb_populate_record and its like, which know how each column's type is written. */
export function asJson(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return String(each)
    return each instanceof Uint8Array ? `\\x${Buffer.from(each).toString('hex')}` : each
  })
}

/**
 * INSERTs rows, of which there is at least one and all have the same fields; a field that is left out has its default. In a
 * statement with a table "held" of one row; where that is empty, nothing is inserted.
 */
export function inserting<Row extends object>(table: string, rows: readonly Row[]): Prisma.Sql {
  const names = Object.keys(rows[0] ?? {}).map((name) => Prisma.raw(`"${name}"`))
  const values = names.map((name) => Prisma.sql`"row".${name}`)
  const into = Prisma.raw(`"${table}"`)
  return Prisma.sql`
    INSERT INTO ${into} (${Prisma.join(names)}) SELECT ${Prisma.join(values)}
    FROM "held", jsonb_populate_recordset(NULL::${into}, ${asJson(rows)}::jsonb) AS "row"`
}

/** Statements as tables of a WITH clause, whose results nobody asks for. */
export function besides(statements: readonly Prisma.Sql[]): Prisma.Sql[] {
  return statements.map((statement, index) => Prisma.sql`${Prisma.raw(`"also${index}"`)} AS (${statement})`)
}
