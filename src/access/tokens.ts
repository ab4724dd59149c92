/**
 * Who is calling: a bearer token stands for its user. Only the token's SHA-256 is kept; it is 32 random bytes, so a plain
 * hash is enough.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Prisma } from '../generated/prisma/client.ts'
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

/** `header`: the value of Authorization, `Bearer <token>`. Null: no token, or none that is valid now. */
export async function authenticate(database: Database, header: string | null | undefined): Promise<Viewer | null> {
  const token = /^Bearer +(cah_[A-Za-z0-9_-]{43})$/i.exec(header ?? '')?.[1]
  return token === undefined ? null : viewerWith(database, Prisma.sql`token."hash" = ${hashToken(token)}`)
}

/** Who began a session with that token, as long as it is valid. */
export async function authenticateById(database: Database, tokenId: string): Promise<Viewer | null> {
  return viewerWith(database, Prisma.sql`token."id" = ${tokenId}::uuid`)
}

/** Asked with every request, so in one statement. The token's last use is kept to the minute. */
async function viewerWith(database: Database, token: Prisma.Sql): Promise<Viewer | null> {
  const [found] = await database.$queryRaw<(Viewer & { isUseNoted: boolean })[]>`
    SELECT token."userId", person."name", token."id" AS "tokenId", token."expiresAt",
           coalesce(token."lastUsedAt" > now() - interval '1 minute', false) AS "isUseNoted"
    FROM "ApiToken" AS token JOIN "User" AS person ON person."id" = token."userId"
    WHERE ${token} AND token."revokedAt" IS NULL AND token."expiresAt" > now()`
  if (!found) return null
  const { isUseNoted, ...viewer } = found
  if (!isUseNoted)
    await database.$executeRaw`
      UPDATE "ApiToken" SET "lastUsedAt" = now()
      WHERE "id" = ${viewer.tokenId}::uuid AND ("lastUsedAt" IS NULL OR "lastUsedAt" <= now() - interval '1 minute')`
  return viewer
}
