/**
 * Puts a backup in place: checked whole before anything is touched, then in one transaction. Afterwards the bucket of workspaces
 * is held against the backup's listing, so that it is known what the time between has taken.
 */
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import type { Vault } from '../access/vault.ts'
import type { StoredObject } from '../data/platform-store.ts'
import { copyIn } from '../store/dump.ts'
import { type NodeVolumes, restoreDatabase } from '../store/restore.ts'
import { BackupError, checkedManifest, partsOf } from './archive.ts'
import { INVENTORY, Manifest, partOf } from './backup.ts'

export interface RestoreParts {
  databaseUrl: string
  migrationsDirectory: string
  vault: Vault
  volumesOf: (installation: string) => Promise<NodeVolumes>
}

/** Reads all of the file. Throws BackupError. */
export async function readManifest(file: string): Promise<Manifest> {
  const manifest = Manifest.safeParse(await checkedManifest(file))
  if (!manifest.success) throw new BackupError(`${file} is a backup in a form that this version does not know.`)
  return manifest.data
}

/** Answers the schema that keeps the old content, or null. Throws BackupError, RestoreError, MigrationError. */
export async function restoreBackup(
  parts: RestoreParts,
  file: string,
  manifest: Manifest,
  replace: boolean,
  say: (line: string) => void,
): Promise<string | null> {
  const fingerprint = parts.vault.fingerprint()
  if (fingerprint !== manifest.keyFingerprint)
    throw new BackupError(
      `The backup was made with another encryption key (its fingerprint is ${manifest.keyFingerprint}, that of the key here is ${fingerprint}): put that key in place first.`,
    )
  const volumes = await parts.volumesOf(manifest.installation)
  const client = new pg.Client({ connectionString: parts.databaseUrl })
  await client.connect()
  try {
    return await restoreDatabase(client, {
      migrations: { directory: parts.migrationsDirectory, applied: manifest.migrations },
      replace,
      fill: (connection) => fill(connection, file, manifest, say),
      volumes,
    })
  } finally {
    await client.end()
  }
}

async function fill(client: pg.Client, file: string, { tables }: Manifest, say: (line: string) => void): Promise<void> {
  const byPart = new Map(tables.map((table) => [partOf(table.name), table]))
  for await (const { name, content } of partsOf(file)) {
    const table = byPart.get(name)
    if (table) {
      await pipeline(content, copyIn(client, table))
      say(`  ${table.name}: ${table.rows} rows`)
    } else content.resume()
  }
}

export interface Losses {
  missing: number
  changed: number
  /** The first of both. */
  keys: string[]
}

const SHOWN = 20

/** What the bucket no longer has as the backup lists it. Both are sorted by the bytes of the key. */
export async function lossesSince(file: string, objects: AsyncIterable<StoredObject>): Promise<Losses> {
  const losses: Losses = { missing: 0, changed: 0, keys: [] }
  const present = objects[Symbol.asyncIterator]()
  let next = await present.next()
  for await (const listed of inventoryOf(file)) {
    while (!next.done && compareKeys(next.value.key, listed.key) < 0) next = await present.next()
    const here = !next.done && next.value.key === listed.key ? next.value : null
    if (here?.etag === listed.etag && here.size === listed.size) continue
    if (here) losses.changed += 1
    else losses.missing += 1
    if (losses.keys.length < SHOWN) losses.keys.push(listed.key)
  }
  return losses
}

async function* inventoryOf(file: string): AsyncGenerator<StoredObject> {
  for await (const { name, content } of partsOf(file)) {
    if (name === INVENTORY) for await (const line of createInterface({ input: content })) yield JSON.parse(line)
    else content.resume()
  }
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
