/**
 * Puts a dumped database in place: its tables as the migrations of its version made them, its rows, the migrations since, and
 * what must not go on as if nothing had happened. All of it is one transaction: the database is restored, or as it was.
 */
import type pg from 'pg'
import { type AppliedMigration, applyRest, lockMigrations, makeTables } from './migrate.ts'

/** Databases must not be replaced under a control plane, nor lost by a slip. The message is one sentence. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError'
}

/** What the engine of a node has, to judge by what local copies there are. */
export interface NodeVolumes {
  nodeId: string
  names: readonly string[]
}

export interface RestoreOptions {
  migrations: { directory: string; applied: readonly AppliedMigration[] }
  /** Keep what the database holds in a schema aside, instead of refusing. */
  replace: boolean
  /** Fills the tables, which are empty and as that version had them. */
  fill: (client: pg.Client) => Promise<void>
  volumes: NodeVolumes
}

/** Answers the name of the schema in which the old content lies; null: there was none. Throws RestoreError, MigrationError. */
export async function restoreDatabase(client: pg.Client, options: RestoreOptions): Promise<string | null> {
  // A control plane that starts now waits, and then finds what was restored.
  await lockMigrations(client)
  await client.query('BEGIN')
  try {
    await refuseUnderControlPlane(client)
    const aside = await clearAway(client, options.replace)
    await makeTables(client, options.migrations.directory, options.migrations.applied)
    await options.fill(client)
    await applyRest(client, options.migrations.directory)
    await beginAnew(client, options.volumes)
    await client.query('COMMIT')
    return aside
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

/** One that runs listens, or holds leases. */
async function refuseUnderControlPlane(client: pg.Client): Promise<void> {
  const { rows: listeners } = await client.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cahier listener'",
  )
  const { rows: tables } = await client.query(`SELECT to_regclass('"Notebook"') AS notebook`)
  const leases = tables[0]?.notebook
    ? await client.query('SELECT 1 FROM "Notebook" WHERE "leaseUntil" > now() LIMIT 1')
    : null
  if (listeners.length > 0 || leases?.rows.length)
    throw new RestoreError('A control plane runs on this database: end it first, on every machine, and run this again.')
}

async function clearAway(client: pg.Client, replace: boolean): Promise<string | null> {
  const { rows } = await client.query<{ schema: string; isFilled: boolean; aside: string }>(
    `SELECT current_schema() AS schema, EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema()) AS "isFilled",
       'before_restore_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS') AS aside`,
  )
  const [here] = rows
  if (!here?.isFilled) return null
  if (!replace)
    throw new RestoreError(
      'The database is not empty: with --replace its content is kept aside in a schema of its own, and the backup takes its place.',
    )
  const schema = client.escapeIdentifier(here.schema)
  await client.query(`ALTER SCHEMA ${schema} RENAME TO ${client.escapeIdentifier(here.aside)}`)
  await client.query(`CREATE SCHEMA ${schema}`)
  return here.aside
}

/**
 * The time between the backup and now is not known. Cursors of it are, to this database, from the future: every stream begins
 * anew. Nobody owns a notebook, all are looked at. A local copy that is still there may have been written to since, whatever
 * the record says, so it is the truth; a record of one that held nothing of its own and is gone is dropped.
 */
async function beginAnew(client: pg.Client, { nodeId, names }: NodeVolumes): Promise<void> {
  await client.query('UPDATE "Installation" SET "restoredAt" = clock_timestamp()')
  await client.query(
    `UPDATE "Project" SET "streamEpoch" = encode(substring(uuid_send(gen_random_uuid()), 1, 6), 'hex'), "accessEpoch" = "accessEpoch" + 1`,
  )
  await client.query(
    `UPDATE "Notebook" SET "leaseOwner" = NULL, "leaseUntil" = NULL, "leaseEpoch" = "leaseEpoch" + 1, "retryAt" = NULL,
       "dueAt" = cahier_now(), "wakes" = "wakes" + 1 WHERE "deletedAt" IS NULL`,
  )
  await client.query(
    `DELETE FROM "LocalCopy" WHERE NOT "written" AND "nodeId" = $1 AND NOT "engineVolume" = ANY($2::text[])`,
    [nodeId, names],
  )
  await client.query(
    `UPDATE "LocalCopy" AS copy SET "written" = true, "writtenSince" = cahier_now() FROM "Notebook" AS notebook
     WHERE NOT copy."written" AND notebook."id" = copy."notebookId" AND notebook."state" <> 'DELETING'
       AND NOT EXISTS (SELECT FROM "Volume" WHERE "Volume"."id"::text = copy."target" AND "permission" = 'RO')`,
  )
}
