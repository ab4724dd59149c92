/**
 * Writes a backup: the database as of one moment, the fingerprint of the key that opens what is sealed in it (never the key), and
 * a listing of the workspaces' bucket, by which a restore can say what is missing. Bounded in memory, whatever there is.
 */
import { Readable } from 'node:stream'
import pg from 'pg'
import { z } from 'zod'
import type { Vault } from '../access/vault.ts'
import type { StoredObject } from '../data/platform-store.ts'
import { beginSnapshot, copyOut, tablesInOrder } from '../store/dump.ts'
import { appliedMigrations } from '../store/migrate.ts'
import { ArchiveWriter, BackupError } from './archive.ts'

export const INVENTORY = 'inventory.jsonl'
export const partOf = (table: string): string => `tables/${table}`

const VERSION = 1

export const Manifest = z.object({
  cahier: z.literal('backup'),
  version: z.literal(VERSION),
  madeAt: z.string(),
  installation: z.string(),
  keyFingerprint: z.string(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })),
  /** In the order in which they are filled. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), rows: z.number() })),
  bucket: z.string(),
  objects: z.number(),
  bytes: z.number(),
})
export type Manifest = z.output<typeof Manifest>

export interface BackupParts {
  databaseUrl: string
  vault: Vault
  bucket: string
  /** Of the bucket, sorted by key. */
  objects: AsyncIterable<StoredObject>
}

/** Throws BackupError; then there is no file. */
export async function writeBackup(parts: BackupParts, file: string, say: (line: string) => void): Promise<Manifest> {
  const client = new pg.Client({ connectionString: parts.databaseUrl })
  await client.connect()
  const archive = await ArchiveWriter.create(file)
  try {
    await beginSnapshot(client)
    const head = await headOf(client, parts)
    const tables = []
    for (const table of await tablesInOrder(client)) {
      const content = copyOut(client, table)
      await archive.add(partOf(table.name), content)
      const { rowCount } = content as unknown as { rowCount: number }
      tables.push({ ...table, rows: rowCount })
      say(`  ${table.name}: ${rowCount} rows`)
    }
    await client.query('COMMIT')
    const inventory = { objects: 0, bytes: 0 }
    await archive.add(INVENTORY, Readable.from(linesOf(parts.objects, inventory)))
    say(`  bucket ${parts.bucket}: ${inventory.objects} objects, ${inventory.bytes} bytes listed`)
    const manifest: Manifest = { ...head, tables, bucket: parts.bucket, ...inventory }
    await archive.finish(manifest)
    return manifest
  } catch (error) {
    await archive.giveUp()
    throw error
  } finally {
    await client.end()
  }
}

async function headOf(client: pg.Client, { vault }: BackupParts) {
  const migrations = await appliedMigrations(client)
  const installation =
    migrations.length > 0 ? await client.query<{ id: string }>('SELECT "id" FROM "Installation"') : null
  const id = installation?.rows[0]?.id
  if (!id) throw new BackupError('The database holds no installation yet: there is nothing to back up.')
  return {
    cahier: 'backup',
    version: VERSION,
    madeAt: new Date().toISOString(),
    installation: id,
    keyFingerprint: vault.fingerprint(),
    migrations,
  } as const
}

async function* linesOf(objects: AsyncIterable<StoredObject>, sum: { objects: number; bytes: number }) {
  for await (const object of objects) {
    sum.objects += 1
    sum.bytes += object.size
    yield Buffer.from(`${JSON.stringify(object)}\n`)
  }
}
