/**
 * Idempotency keys: the repeat of a mutation answers what the first one made and does nothing more. A key is claimed in the
 * mutation's own transaction, so a repeat that comes at the same time waits for the first to commit, and a first that
 * fails leaves no claim behind.
 */
import type { Viewer } from '../access/tokens.ts'
import type { Vault } from '../access/vault.ts'
import { ConflictError, ValidationError } from '../domain/errors.ts'
import type { Database, Transaction } from '../store/database.ts'

const KEY = /^[\x20-\x7e]{1,255}$/

/** A mutation's input, as far as this is concerned. */
export interface Repeatable {
  idempotencyKey?: string | null | undefined
}

/**
 * Null when the mutation is to be carried out and will make, or act on, `resultId`; otherwise what an earlier one with the
 * same key made. Keys hold for 24 hours, per viewer and mutation. Throws ConflictError when the key came with another input.
 */
export async function claimKey(
  tx: Transaction,
  vault: Vault,
  viewer: Viewer,
  mutation: string,
  { idempotencyKey: key, ...input }: Repeatable,
  resultId: string,
): Promise<string | null> {
  if (key === null || key === undefined) return null
  if (!KEY.test(key))
    throw new ValidationError([{ path: 'idempotencyKey', message: 'must have 1 to 255 printable ASCII characters.' }])
  // Keyed, because inputs hold secrets that a plain hash would let a reader of the table guess.
  const inputHash = Buffer.from(vault.derive(`idempotency:${mutation}:${JSON.stringify(input)}`), 'base64url')
  const claimed = await tx.$executeRaw`
    INSERT INTO "IdempotencyKey" AS mine ("userId", "mutation", "key", "inputHash", "resultId")
    VALUES (${viewer.userId}::uuid, ${mutation}, ${key}, ${inputHash}, ${resultId}::uuid)
    ON CONFLICT ("userId", "mutation", "key") DO UPDATE
    SET "inputHash" = EXCLUDED."inputHash", "resultId" = EXCLUDED."resultId", "createdAt" = now()
    WHERE mine."createdAt" < now() - interval '24 hours'`
  if (claimed > 0) return null
  const earlier = await tx.idempotencyKey.findUniqueOrThrow({ where: keyOf(viewer, mutation, key) })
  if (!inputHash.equals(earlier.inputHash))
    throw new ConflictError('This idempotency key was used with another input in the last 24 hours.')
  return earlier.resultId
}

/** Where a mutation made several things: what it made, for its repeats. Without a key there is nothing to note. */
export async function noteResults(
  tx: Transaction,
  viewer: Viewer,
  mutation: string,
  { idempotencyKey: key }: Repeatable,
  resultIds: string[],
): Promise<void> {
  if (key) await tx.idempotencyKey.update({ where: keyOf(viewer, mutation, key), data: { resultIds } })
}

/** What `noteResults` noted. */
export async function recallResults(
  database: Database,
  viewer: Viewer,
  mutation: string,
  { idempotencyKey: key }: Repeatable,
): Promise<string[]> {
  const noted = key && (await database.idempotencyKey.findUnique({ where: keyOf(viewer, mutation, key) }))
  return noted ? noted.resultIds : []
}

function keyOf({ userId }: Viewer, mutation: string, key: string) {
  return { userId_mutation_key: { userId, mutation, key } }
}
