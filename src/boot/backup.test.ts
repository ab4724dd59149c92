import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { databaseUrl, type FreshDatabase, freshDatabase, runSql } from '../../test/testkit/database.ts'
import { Vault } from '../access/vault.ts'
import type { StoredObject } from '../data/platform-store.ts'
import type { Database } from '../store/database.ts'
import { BackupError } from './archive.ts'
import { writeBackup } from './backup.ts'
import { MIGRATIONS } from './foundation.ts'
import { lossesSince, readManifest, restoreBackup } from './restore.ts'

const OBJECTS: StoredObject[] = ['a/1', 'a/2', 'b/ä'].map((key) => ({ key, size: 3, etag: `"${key}"` }))
const quiet = () => undefined

let from: FreshDatabase
let empty: string
let folder: string
let file: string
let seeded: Awaited<ReturnType<typeof seed>>
const vault = new Vault(randomBytes(32))

beforeEach(async () => {
  from = await freshDatabase()
  seeded = await seed(from.database)
  folder = mkdtempSync(join(tmpdir(), 'backup-'))
  file = join(folder, 'backup.tar.gz')
  const name = `restore_${randomUUID().replaceAll('-', '')}`
  await runSql(inject('postgresUrl'), `CREATE DATABASE ${name}`)
  empty = databaseUrl(inject('postgresUrl'), name)
})

afterEach(async () => {
  await from[Symbol.asyncDispose]()
  await runSql(inject('postgresUrl'), `DROP DATABASE ${new URL(empty).pathname.slice(1)} WITH (FORCE)`)
  rmSync(folder, { recursive: true })
})

/** A row in each table. */
async function seed(database: Database) {
  const installation = await database.installation.create({ data: { id: randomUUID() } })
  const node = await database.engineNode.create({
    data: { id: 'node', milliCpus: 1, memoryBytes: 2n ** 40n, gpus: [] },
  })
  const user = await database.user.create({ data: { name: 'Zoë \\ "quoted"\tand\nmore' } })
  await database.apiToken.create({
    data: { userId: user.id, name: 't', hash: new Uint8Array([0, 255, 92, 10]), expiresAt: new Date() },
  })
  const project = await database.project.create({
    data: { name: 'p', eventCounter: 1n, members: { create: { userId: user.id, role: 'OWNER' } } },
  })
  const store = { projectId: project.id, name: 's', endpoint: 'http://s3.invalid', region: 'x', pathStyle: true }
  const dataStore = await database.dataStore.create({
    data: { ...store, credentials: new Uint8Array(randomBytes(64)) },
  })
  const notebook = await database.notebook.create({
    data: {
      ...{
        projectId: project.id,
        name: 'n',
        editor: 'e',
        framework: 'f',
        frameworkVersion: '1',
        flavor: 'c',
        units: 1,
      },
      ...{ state: 'RUNNING', phase: null, leaseOwner: randomUUID(), leaseUntil: new Date(0), leaseEpoch: 4 },
      labels: { create: { name: 'l', value: '' } },
      volumes: { create: ['RO', 'RW'].map((permission, index) => volume(permission as 'RO', index, dataStore.id)) },
    },
    include: { volumes: true },
  })
  const notebookId = notebook.id
  await database.container.create({
    data: { id: 'c', notebookId, generation: 1, role: 'NOTEBOOK', purpose: 'RUN', nodeId: node.id },
  })
  const [ro, rw] = notebook.volumes
  const copies = [
    ['workspace', 'there-1'],
    [ro?.id ?? '', 'there-2'],
    [rw?.id ?? '', 'gone'],
  ] as const
  await database.localCopy.createMany({
    data: copies.map(([target, engineVolume]) => ({ notebookId, target, engineVolume, nodeId: node.id })),
  })
  await database.dataSync.create({ data: { notebookId, direction: 'PULL', operation: randomUUID() } })
  await database.event.create({
    data: { projectId: project.id, seq: 1n, notebookId, type: 'NotebookCreated', payload: { a: null }, at: new Date() },
  })
  const price = { flavor: 'c', units: 1, pricePerHourMicros: 30_000n, currency: 'EUR', nodeId: node.id, generation: 1 }
  await database.billingPeriod.create({ data: { projectId: project.id, notebookId, startedAt: new Date(), ...price } })
  await database.diskUsage.create({ data: { notebookId, nodeId: 'node', usedBytes: 1n, measuredAt: new Date() } })
  await database.idempotencyKey.create({
    data: { userId: user.id, mutation: 'm', key: 'k', inputHash: new Uint8Array([1]), resultId: notebookId },
  })
  const terms = { amountMicros: 1n, currency: 'EUR', onReached: 'STOP' } as const
  await database.budget.create({ data: { projectId: project.id, ...terms } })
  await database.auditEntry.create({ data: { userId: user.id, tokenId: user.id, mutation: 'm', outcome: 'DONE' } })
  await database.storeErrand.create({ data: { kind: 'TEST', dataStoreId: dataStore.id, bucket: 'b', prefix: '' } })
  return { installation, project, notebook }
}

const volume = (permission: 'RO' | 'RW', index: number, dataStoreId: string) => ({
  ...{ index, permission, dataStoreId, bucket: 'b', prefix: '', mountPath: `/workspace/${index}` },
})

async function* listing(objects: readonly StoredObject[]): AsyncGenerator<StoredObject> {
  yield* objects
}

const backup = () =>
  writeBackup({ databaseUrl: from.url, vault, bucket: 'workspaces', objects: listing(OBJECTS) }, file, quiet)

async function restore(change: { url?: string; vault?: Vault; replace?: boolean } = {}) {
  const parts = {
    databaseUrl: change.url ?? empty,
    migrationsDirectory: MIGRATIONS,
    vault: change.vault ?? vault,
    volumesOf: async () => ({ nodeId: 'node', names: ['there-1', 'there-2'] }),
  }
  return restoreBackup(parts, file, await readManifest(file), change.replace ?? false, quiet)
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Every row of a table as text, but for what a restore begins anew. */
async function rowsOf(url: string, table: string): Promise<unknown[]> {
  const anew = ['restoredAt', 'streamEpoch', 'accessEpoch', 'leaseOwner', 'leaseUntil', 'leaseEpoch', 'dueAt', 'wakes']
  const rows = await query(
    url,
    `SELECT (to_jsonb(t) - '{${anew.join(',')}}'::text[])::text AS row FROM "${table}" AS t ORDER BY 1`,
  )
  return rows.map(({ row }) => row)
}

test('every table comes back as it was, byte for byte', async () => {
  const { tables } = await backup()
  expect(tables.filter(({ rows }) => rows === 0)).toEqual([])
  expect(await restore()).toBeNull()
  for (const { name } of tables.filter((table) => table.name !== 'LocalCopy'))
    expect({ name, rows: await rowsOf(empty, name) }).toEqual({ name, rows: await rowsOf(from.url, name) })
})

test('the file is readable by its owner only, and nothing else is left beside it', async () => {
  await backup()
  expect(readdirSync(folder)).toEqual(['backup.tar.gz'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a backup is of one moment, whatever is written while it is made', async () => {
  const writeMeanwhile = async function* () {
    await from.database.user.create({ data: { name: 'later' } })
    yield* listing(OBJECTS)
  }
  const parts = { databaseUrl: from.url, vault, bucket: 'b', objects: writeMeanwhile() }
  await writeBackup(parts, file, quiet)
  await restore()
  expect(await query(empty, 'SELECT 1 FROM "User"')).toHaveLength(1)
})

test('streams begin anew, leases are cleared, everything is looked at, and the time of the restore is on record', async () => {
  await backup()
  await restore()
  const [notebook] = await query(empty, 'SELECT "leaseOwner", "leaseEpoch", "dueAt" <= now() AS due FROM "Notebook"')
  expect(notebook).toEqual({ leaseOwner: null, leaseEpoch: 5, due: true })
  const [project] = await query(empty, 'SELECT "streamEpoch", "accessEpoch"::int FROM "Project"')
  expect(project).toMatchObject({ streamEpoch: expect.stringMatching(/^[0-9a-f]{12}$/), accessEpoch: 1 })
  expect(project?.streamEpoch).not.toBe(seeded.project.streamEpoch)
  expect(await query(empty, 'SELECT "restoredAt" IS NOT NULL AS known FROM "Installation"')).toEqual([{ known: true }])
})

test('a local copy that is still there counts as written to; one that held nothing of its own and is gone is no more', async () => {
  await backup()
  await restore()
  const copies = await query(empty, 'SELECT "engineVolume", "written" FROM "LocalCopy" ORDER BY 1')
  expect(copies).toEqual([
    { engineVolume: 'there-1', written: true },
    { engineVolume: 'there-2', written: false },
  ])
})

test('another key is refused with a sentence, and nothing is touched', async () => {
  await backup()
  await expect(restore({ vault: new Vault(randomBytes(32)) })).rejects.toThrow(
    /^The backup was made with another encryption key \(its fingerprint is [\w-]{16}/,
  )
  expect(await query(empty, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'")).toEqual([])
})

test.each([
  ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['without its last byte', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['with another byte in it', (bytes: Buffer) => bytes.map((byte, index) => (index === 2000 ? byte ^ 1 : byte))],
  ['of something else', () => Buffer.from('not a backup')],
  ['empty', () => Buffer.alloc(0)],
])('a file that is %s is refused', async (_, damage) => {
  await backup()
  writeFileSync(file, damage(readFileSync(file)))
  await expect(readManifest(file)).rejects.toThrow(BackupError)
})

test('a database that is not empty is refused; with --replace, its content is kept aside', async () => {
  await backup()
  await expect(restore({ url: from.url })).rejects.toThrow(/^The database is not empty/)
  await from.database.user.create({ data: { name: 'after the backup' } })
  const aside = await restore({ url: from.url, replace: true })
  expect(await query(from.url, 'SELECT 1 FROM "User"')).toHaveLength(1)
  expect(await query(from.url, `SELECT 1 FROM "${aside}"."User"`)).toHaveLength(2)
})

test('a database on which a control plane runs is refused', async () => {
  await backup()
  const listener = new pg.Client({ connectionString: empty, application_name: 'cahier listener' })
  await listener.connect()
  await expect(restore()).rejects.toThrow(/^A control plane runs on this database/)
  await listener.end()
  await from.database.notebook.updateMany({ data: { leaseUntil: new Date(Date.now() + 60_000) } })
  await expect(restore({ url: from.url, replace: true })).rejects.toThrow(/^A control plane runs on this database/)
})

test('what the bucket has lost since is told', async () => {
  await backup()
  const [first, , last] = OBJECTS as [StoredObject, StoredObject, StoredObject]
  const now = [{ key: 'a/0', size: 1, etag: '' }, { ...first, etag: '"new"' }, last]
  expect(await lossesSince(file, listing(now))).toEqual({ missing: 1, changed: 1, keys: ['a/1', 'a/2'] })
  expect(await lossesSince(file, listing(OBJECTS))).toEqual({ missing: 0, changed: 0, keys: [] })
})

test('a backup that fails leaves no file', async () => {
  const parts = { databaseUrl: from.url, vault, bucket: 'b', objects: failing() }
  await expect(writeBackup(parts, file, quiet)).rejects.toThrow('The store is away.')
  expect(readdirSync(folder)).toEqual([])
})

async function* failing(): AsyncGenerator<StoredObject> {
  yield* listing(OBJECTS)
  throw new Error('The store is away.')
}
