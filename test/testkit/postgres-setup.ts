/** One Postgres server per test run, from the embedded binaries, with a migrated template database; gone at the end. */
import { existsSync, statfsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { ensurePostgres, stopPostgres } from '../../src/embedded/postgres.ts'
import { applyMigrations } from '../../src/store/migrate.ts'
import { databaseUrl, runSql, TEMPLATE } from './database.ts'

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(quickestFolder(), 'cahier-test-'))
  const { url } = await ensurePostgres(home, () => undefined)
  // What a test writes need not outlive a power cut.
  await runSql(url, 'ALTER SYSTEM SET fsync = off')
  await runSql(url, 'SELECT pg_reload_conf()')
  await runSql(url, `CREATE DATABASE ${TEMPLATE}`)
  await applyMigrations(databaseUrl(url, TEMPLATE), MIGRATIONS)
  project.provide('postgresUrl', url)
  return async () => {
    await stopPostgres(home)
    await rm(home, { recursive: true })
  }
}

/** In memory where there is room: many databases are made and dropped, and file systems on disk are slow to reuse names. */
function quickestFolder(): string {
  const memory = '/dev/shm'
  if (!existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize > 2 * 2 ** 30 ? memory : tmpdir()
}
