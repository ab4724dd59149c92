/**
 * Brings a database up to the schema of this version: applies what is missing of `prisma/migrations`, in order, under the
 * table, checksums and lock of Prisma's own command line, so that the two always agree about what was applied.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'

/** The database cannot be used with this version. The message is one sentence that says why. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

/** Prisma's own, so that its command line and any number of starting processes wait for each other. */
const ADVISORY_LOCK = 72_707_369

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`

interface Migration {
  name: string
  sql: string
  checksum: string
}

interface Row {
  name: string
  checksum: string
  finished: boolean
}

/** Answers the names of the migrations it applied. Throws MigrationError; what was applied before stays applied. */
export async function applyMigrations(databaseUrl: string, directory: string): Promise<string[]> {
  const migrations = await readMigrations(directory)
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await lockMigrations(client)
    await refuseStrangersTables(client)
    await client.query(MIGRATIONS_TABLE)
    const missing = missingMigrations(migrations, await readRows(client))
    for (const migration of missing) await apply(client, migration)
    return missing.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

/** Who migrates waits for it, also who only starts. Held until the connection ends. */
export async function lockMigrations(client: pg.Client): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
}

export interface AppliedMigration {
  name: string
  checksum: string
}

/** In their order; none for a database without tables. */
export async function appliedMigrations(client: pg.Client): Promise<AppliedMigration[]> {
  const { rows } = await client.query<{ table: string | null }>(`SELECT to_regclass('"_prisma_migrations"') AS table`)
  if (!rows[0]?.table) return []
  return (await readRows(client)).map(({ name, checksum }) => ({ name, checksum }))
}

/** In the caller's transaction: the tables as these migrations left them, without a row, also in the record of migrations. */
export async function makeTables(
  client: pg.Client,
  directory: string,
  applied: readonly AppliedMigration[],
): Promise<void> {
  const migrations = await readMigrations(directory)
  missingMigrations(
    migrations,
    applied.map((migration) => ({ ...migration, finished: true })),
  )
  for (const { name } of applied) await client.query(migrations.find((each) => each.name === name)?.sql ?? '')
  const { rows } = await client.query<{ name: string }>(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()',
  )
  if (rows.length > 0)
    await client.query(`TRUNCATE ${rows.map(({ name }) => client.escapeIdentifier(name)).join(', ')}`)
  await client.query(MIGRATIONS_TABLE)
}

/** In the caller's transaction: the migrations that the record lacks. */
export async function applyRest(client: pg.Client, directory: string): Promise<void> {
  for (const migration of missingMigrations(await readMigrations(directory), await readRows(client))) {
    await client.query(migration.sql)
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    )
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** A database that others filled is not ours to change. */
async function refuseStrangersTables(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()
     AND NOT EXISTS (SELECT FROM information_schema.tables
                     WHERE table_schema = current_schema() AND table_name = '_prisma_migrations')
     ORDER BY 1 LIMIT 1`,
  )
  if (rows[0])
    throw new MigrationError(
      `The database holds a table "${rows[0].name}" that is not ours; give this installation a database of its own.`,
    )
}

async function readRows(client: pg.Client): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished
     FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return rows
}

function missingMigrations(migrations: Migration[], rows: Row[]): Migration[] {
  for (const { name, checksum, finished } of rows) {
    const migration = migrations.find((candidate) => candidate.name === name)
    if (!migration)
      throw new MigrationError(`The database has the migration ${name} of a newer version; start that version.`)
    if (!finished)
      throw new MigrationError(
        `The migration ${name} failed in this database; repair it, then say so by "npx prisma migrate resolve".`,
      )
    if (migration.checksum !== checksum)
      throw new MigrationError(
        `The migration ${name} was changed after this database had applied it; restore its file.`,
      )
  }
  return migrations.filter(({ name }) => !rows.some((row) => row.name === name))
}

/** The row is written before, so that a migration that was cut off shows. PostgreSQL runs the whole file as one transaction. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID()
  await client.query('INSERT INTO "_prisma_migrations" (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    checksum,
    name,
  ])
  try {
    await client.query(sql)
  } catch (error) {
    const reason = (error as Error).message
    await client.query('UPDATE "_prisma_migrations" SET logs = $2 WHERE id = $1', [id, reason])
    throw new MigrationError(`The migration ${name} failed: ${reason}.`, { cause: error })
  }
  await client.query('UPDATE "_prisma_migrations" SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [id])
}
