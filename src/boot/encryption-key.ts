/** The key of everything that is sealed in the database. Lost, it takes all data stores' credentials with it. */
import { randomBytes } from 'node:crypto'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../config.ts'

/** The configured key, or the one in `<home>/encryption-key` (base64, mode 0600), made with the first start. */
export async function encryptionKey(configured: Buffer | undefined, home: string): Promise<Buffer> {
  if (configured) return configured
  return (await existingKey(undefined, home)) ?? makeKey(pathIn(home))
}

/** The same, but null where there is none yet. */
export async function existingKey(configured: Buffer | undefined, home: string): Promise<Buffer | null> {
  if (configured) return configured
  const path = pathIn(home)
  const key = await readKey(path)
  if (key && key.length !== 32)
    throw new ConfigError(`${path} does not hold 32 bytes in base64: restore it from a backup.`)
  return key
}

const pathIn = (home: string): string => join(home, 'encryption-key')

async function readKey(path: string): Promise<Buffer | null> {
  try {
    return Buffer.from(await readFile(path, 'utf8'), 'base64')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function makeKey(path: string): Promise<Buffer> {
  const key = randomBytes(32)
  const aside = `${path}.new`
  const file = await open(aside, 'w', 0o600)
  try {
    await file.writeFile(`${key.toString('base64')}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, path)
  return key
}
