/** One Postgres server per test run, from the embedded binaries, with a migrated template database; gone at the end. */
import { readFile } from 'node:fs/promises'
import type { TestProject } from 'vitest/node'
import { databaseUrl, runSql, TEMPLATE } from './database.ts'

const DEV = process.env.TEST_POSTGRES_URL as string
export async function setup(project: TestProject): Promise<void> {
  await runSql(DEV, `DROP DATABASE IF EXISTS ${TEMPLATE}`)
  await runSql(DEV, `CREATE DATABASE ${TEMPLATE}`)
  await runSql(
    databaseUrl(DEV, TEMPLATE),
    await readFile('prisma/migrations/20261123000000_first/migration.sql', 'utf8'),
  )
  project.provide('postgresUrl', DEV)
}
