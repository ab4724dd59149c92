/** A database of one's own: a copy of the migrated template, made in milliseconds and dropped at the end. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.ts'

/** Made once per test run, by the global setup. */
export const TEMPLATE = 'cahier_template'

export interface FreshDatabase extends AsyncDisposable {
  database: Database
  url: string
}

export async function freshDatabase(): Promise<FreshDatabase> {
  const server = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await runSql(server, `CREATE DATABASE "${name}" TEMPLATE "${TEMPLATE}"`)
  const url = databaseUrl(server, name)
  const database = openDatabase(url)
  return {
    database,
    url,
    async [Symbol.asyncDispose]() {
      await database.$disconnect()
      await runSql(server, `DROP DATABASE "${name}" WITH (FORCE)`)
    },
  }
}

/** The URL of another database of the same server. */
export function databaseUrl(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

export async function runSql(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
