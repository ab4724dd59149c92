import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { applyMigrations, MigrationError } from './migrate.ts'

let url: string
let directory: string

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'migrations-'))
  const name = `migrate_${randomUUID().replaceAll('-', '')}`
  await query(inject('postgresUrl'), `CREATE DATABASE ${name}`)
  const own = new URL(inject('postgresUrl'))
  own.pathname = `/${name}`
  url = own.href
})

afterEach(async () => {
  rmSync(directory, { recursive: true })
  await query(inject('postgresUrl'), `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`)
})

async function query(database: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: database })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function write(name: string, sql: string): void {
  mkdirSync(join(directory, name), { recursive: true })
  writeFileSync(join(directory, name, 'migration.sql'), sql)
}

const apply = () => applyMigrations(url, directory)

test('what is missing is applied in the order of names, and nothing twice', async () => {
  write('2_second', 'ALTER TABLE thing ADD COLUMN size INT')
  write('1_first', 'CREATE TABLE thing (); CREATE TABLE other ()')
  expect(await apply()).toEqual(['1_first', '2_second'])
  expect(await apply()).toEqual([])
  write('3_third', 'DROP TABLE other')
  expect(await apply()).toEqual(['3_third'])
})

test('processes that start at the same time apply each migration once', async () => {
  write('1_first', 'CREATE TABLE thing ()')
  expect((await Promise.all([apply(), apply(), apply()])).flat()).toEqual(['1_first'])
})

test('a migration that fails leaves nothing behind but its record, and the next start says so', async () => {
  write('1_first', 'CREATE TABLE thing (); CREATE TABLE thing ()')
  await expect(apply()).rejects.toThrow(
    new MigrationError('The migration 1_first failed: relation "thing" already exists.'),
  )
  expect(await query(url, "SELECT to_regclass('thing') AS thing")).toEqual([{ thing: null }])
  await expect(apply()).rejects.toThrow(/^The migration 1_first failed in this database; repair it/)
})

test('a failed migration that an operator resolved as rolled back is applied again', async () => {
  write('1_first', 'CREATE TABLE thing (); CREATE TABLE thing ()')
  await expect(apply()).rejects.toThrow(MigrationError)
  await query(url, 'UPDATE "_prisma_migrations" SET rolled_back_at = now()')
  write('1_first', 'CREATE TABLE thing ()')
  expect(await apply()).toEqual(['1_first'])
})

test('a migration that was changed after it was applied stops the start', async () => {
  write('1_first', 'CREATE TABLE thing ()')
  await apply()
  write('1_first', 'CREATE TABLE thing (size INT)')
  await expect(apply()).rejects.toThrow(/^The migration 1_first was changed after this database had applied it/)
})

test('a database of a newer version stops the start', async () => {
  write('1_first', 'CREATE TABLE thing ()')
  write('2_second', 'CREATE TABLE other ()')
  await apply()
  rmSync(join(directory, '2_second'), { recursive: true })
  await expect(apply()).rejects.toThrow(/^The database has the migration 2_second of a newer version/)
})

test("a database with somebody else's tables is left alone", async () => {
  await query(url, 'CREATE TABLE customers ()')
  write('1_first', 'CREATE TABLE thing ()')
  await expect(apply()).rejects.toThrow(/^The database holds a table "customers" that is not ours/)
  expect(await query(url, "SELECT to_regclass('thing') AS thing")).toEqual([{ thing: null }])
})

test("Prisma's own command line agrees about what was applied", { timeout: 30_000 }, async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  await applyMigrations(url, join(root, 'prisma/migrations'))
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/prisma'), ['migrate', 'status'], {
    cwd: root,
    env: { ...process.env, DATABASE_URL: url },
  })
  expect(stdout).toContain('Database schema is up to date!')
})
