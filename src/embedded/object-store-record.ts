/**
 * What must stay the same about the embedded object store for as long as its data lives: its keys, and the port at which
 * users' data stores name it. Kept in `<home>/s3-credentials.json`, readable by us alone.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writePrivately } from './env-file.ts'
import { EmbeddedError } from './folders.ts'

const StoredRecord = z.strictObject({
  accessKey: z.string().min(1),
  secretKey: z.string().min(1),
  port: z.number().int().min(1).max(65535),
  /** Name of its container. */
  container: z.string().min(1),
})

export type ObjectStoreRecord = z.output<typeof StoredRecord>

function pathOf(home: string): string {
  return join(home, 's3-credentials.json')
}

/** Null when no object store was ever made here. Throws EmbeddedError when the file is damaged. */
export async function readRecord(home: string): Promise<ObjectStoreRecord | null> {
  try {
    return StoredRecord.parse(JSON.parse(await readFile(pathOf(home), 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new EmbeddedError(`${pathOf(home)} is damaged: restore it from a backup.`, { cause: error })
  }
}

/** Makes keys at random. */
export async function makeRecord(home: string, port: number, container: string): Promise<ObjectStoreRecord> {
  const record = {
    accessKey: randomBytes(10).toString('hex').toUpperCase(),
    secretKey: randomBytes(30).toString('base64url'),
    port,
    container,
  }
  await writePrivately(pathOf(home), `${JSON.stringify(record, null, 2)}\n`)
  return record
}
