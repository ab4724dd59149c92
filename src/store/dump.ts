/**
 * The content of a database, table by table, as PostgreSQL's own COPY has it: out of one snapshot, and back into empty tables.
 * Tables come in an order in which each refers to none after it.
 */
import type { Readable, Writable } from 'node:stream'
import type pg from 'pg'
import { from, to } from 'pg-copy-streams'

export interface Table {
  name: string
  columns: string[]
}

/** Begins a transaction in which everything is read as of one moment, whatever is written meanwhile. */
export async function beginSnapshot(client: pg.Client): Promise<void> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  // A form that every later server reads alike.
  await client.query("SET LOCAL DateStyle TO 'ISO'")
  await client.query("SET LOCAL TimeZone TO 'UTC'")
}

/** Every table of the schema. Throws when there is something beside tables that a copy of rows would lose. */
export async function tablesInOrder(client: pg.Client): Promise<Table[]> {
  const { rows: sequences } = await client.query('SELECT 1 FROM pg_sequences WHERE schemaname = current_schema()')
  if (sequences.length > 0) throw new Error('The schema has sequences, which a dump of tables does not carry')
  const { rows } = await client.query<Table & { refersTo: string[] }>(
    `SELECT class.relname AS name,
       (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns,
       coalesce((SELECT array_agg(other.relname::text) FROM pg_constraint JOIN pg_class AS other ON other.oid = confrelid
                 WHERE conrelid = class.oid AND contype = 'f' AND confrelid <> conrelid), '{}') AS "refersTo"
     FROM pg_class AS class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname`,
  )
  const ordered: Table[] = []
  const isPlaced = (name: string) => ordered.some((table) => table.name === name)
  while (ordered.length < rows.length) {
    const next = rows.find(({ name, refersTo }) => !isPlaced(name) && refersTo.every(isPlaced))
    if (!next) throw new Error('The tables refer to each other in a circle')
    ordered.push({ name: next.name, columns: next.columns })
  }
  return ordered
}

/** All rows of a table, as bytes. */
export function copyOut(client: pg.Client, table: Table): Readable {
  return client.query(to(`COPY ${nameOf(client, table)} TO STDOUT`))
}

/** Takes the bytes of `copyOut`; finished when the rows are in. */
export function copyIn(client: pg.Client, table: Table): Writable {
  return client.query(from(`COPY ${nameOf(client, table)} FROM STDIN`))
}

function nameOf(client: pg.Client, { name, columns }: Table): string {
  const quoted = columns.map((column) => client.escapeIdentifier(column)).join(', ')
  return `${client.escapeIdentifier(name)} (${quoted})`
}
