/** The first user of an installation: "admin", who looks after it, with a token in a file that only the server's own user can read. */
import { randomUUID } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../store/database.ts'
import { authenticate, hashToken, makeToken } from './tokens.ts'

const NAME = 'admin'
const LIFETIME_MS = 365 * 24 * 3600 * 1000

/**
 * Makes the user and its token where they are missing, and a new token where the one in `<home>/admin-token` is expired,
 * revoked or unknown to this database. Answers the file's path.
 */
export async function ensureAdmin(database: Database, home: string): Promise<string> {
  const path = join(home, 'admin-token')
  const admin = await database.user.upsert({
    where: { name: NAME },
    create: { name: NAME, isOperator: true },
    update: {},
  })
  const viewer = await authenticate(database, `Bearer ${await readToken(path)}`)
  if (viewer?.userId === admin.id) {
    await chmod(path, 0o600)
    return path
  }
  const token = makeToken()
  const expiresAt = new Date(Date.now() + LIFETIME_MS)
  await database.apiToken.create({ data: { userId: admin.id, name: 'admin-token', hash: hashToken(token), expiresAt } })
  await replaceFile(path, `${token}\n`)
  return path
}

async function readToken(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** Written aside and renamed, so that no reader ever sees half of it or a file with wider rights. */
async function replaceFile(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  await writeFile(aside, text, { mode: 0o600, flag: 'wx' })
  await rename(aside, path)
}
