/**
 * Who is calling: a bearer token stands for its user. Only the token's SHA-256 is kept; it is 32 random bytes, so a plain
 * hash is enough.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'

/** A signed-in caller. */
export interface Viewer {
  userId: string
  name: string
  tokenId: string
  /** The token's end; a subscription does not outlive it. */
  expiresAt: Date
}

/** `cah_` and 43 characters. */
export function makeToken(): string {
  return `cah_${randomBytes(32).toString('base64url')}`
}

export function hashToken(token: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(token).digest())
}

/** How fresh `lastUsedAt` is kept, so that not every request writes. */
const LAST_USED_MS = 60_000

/** `header`: the value of Authorization, `Bearer <token>`. Null: no token, or none that is valid now. */
export async function authenticate(database: Database, header: string | null | undefined): Promise<Viewer | null> {
  const token = /^Bearer +(cah_[A-Za-z0-9_-]{43})$/i.exec(header ?? '')?.[1]
  if (token === undefined) return null
  return viewerOf(
    database,
    await database.apiToken.findUnique({ where: { hash: hashToken(token) }, include: WITH_USER }),
  )
}

/** Who began a session with that token, as long as it is valid. */
export async function authenticateById(database: Database, tokenId: string): Promise<Viewer | null> {
  return viewerOf(database, await database.apiToken.findUnique({ where: { id: tokenId }, include: WITH_USER }))
}

const WITH_USER = { user: true } satisfies Prisma.ApiTokenInclude

async function viewerOf(
  database: Database,
  token: Prisma.ApiTokenGetPayload<{ include: typeof WITH_USER }> | null,
): Promise<Viewer | null> {
  const now = new Date()
  if (!token || token.revokedAt || token.expiresAt <= now) return null
  const stale = new Date(now.getTime() - LAST_USED_MS)
  if (!token.lastUsedAt || token.lastUsedAt < stale)
    await database.apiToken.updateMany({
      where: { id: token.id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lt: stale } }] },
      data: { lastUsedAt: now },
    })
  return { userId: token.userId, name: token.user.name, tokenId: token.id, expiresAt: token.expiresAt }
}
