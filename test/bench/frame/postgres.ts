/** A PostgreSQL of a benchmark's own, on disk and with the settings that `npm start` gives it, migrated; gone at the end. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePostgres, stopPostgres } from '../../../src/embedded/postgres.ts'
import { applyMigrations } from '../../../src/store/migrate.ts'

const MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url))

export interface BenchPostgres extends AsyncDisposable {
  /** A CAHIER_HOME. */
  home: string
  url: string
}

export async function startBenchPostgres(say: (line: string) => void): Promise<BenchPostgres> {
  const home = await mkdtemp(join(tmpdir(), 'cahier-bench-'))
  const { url } = await ensurePostgres(home, say)
  await applyMigrations(url, MIGRATIONS)
  return {
    home,
    url,
    async [Symbol.asyncDispose]() {
      await stopPostgres(home)
      await rm(home, { recursive: true, force: true })
    },
  }
}
