/**
 * Who is calling: a bearer token stands for its user. Only the token's SHA-256 is kept; it is 32 random bytes, so a plain
 * hash is enough.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Label } from '../domain/labels.ts'
import { Prisma, type Role } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'

/** What a token may do of what its user may. */
export interface TokenScope {
  /** The most that it may do in any project. */
  role: Role
  /** The only project that it is good for; null: all of its user's. */
  projectId: string | null
  /** The label of the notebooks that it sees, and puts on those that it creates; null: it sees all. */
  label: Label | null
}

/** All that the user may do. */
export const UNLIMITED: TokenScope = { role: 'OWNER', projectId: null, label: null }

/** A signed-in caller. */
export interface Viewer {
  userId: string
  name: string
  tokenId: string
  scope: TokenScope
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

interface TokenRow extends Omit<Viewer, 'scope'> {
  role: Role
  projectId: string | null
  labelName: string | null
  labelValue: string | null
  isUseNoted: boolean
}

/** Asked with every request, so in one statement. The token's last use is kept to the minute. */
async function viewerWith(database: Database, token: Prisma.Sql): Promise<Viewer | null> {
  const [found] = await database.$queryRaw<TokenRow[]>`
    SELECT token."userId", person."name", token."id" AS "tokenId", token."expiresAt",
           token."role", token."projectId", token."labelName", token."labelValue",
           coalesce(token."lastUsedAt" > now() - interval '1 minute', false) AS "isUseNoted"
    FROM "ApiToken" AS token JOIN "User" AS person ON person."id" = token."userId"
    WHERE ${token} AND token."revokedAt" IS NULL AND token."expiresAt" > now()`
  if (!found) return null
  if (!found.isUseNoted)
    await database.$executeRaw`
      UPDATE "ApiToken" SET "lastUsedAt" = now()
      WHERE "id" = ${found.tokenId}::uuid AND ("lastUsedAt" IS NULL OR "lastUsedAt" <= now() - interval '1 minute')`
  const { userId, name, tokenId, expiresAt } = found
  return { userId, name, tokenId, expiresAt, scope: scopeOf(found) }
}

export function scopeOf(token: Pick<TokenRow, 'role' | 'projectId' | 'labelName' | 'labelValue'>): TokenScope {
  const { role, projectId, labelName, labelValue } = token
  return { role, projectId, label: labelName === null ? null : { name: labelName, value: labelValue ?? '' } }
}
