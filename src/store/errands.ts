/**
 * Errands on record: what a mover is to do on a store alone. Whoever claims one works on it for as long as it renews the
 * claim; each claim is an attempt of its own, by whose number every later write is fenced. Claims are about processes, and so
 * on real time.
 */
import { type ErrandState, Prisma, type StoreErrand } from '../generated/prisma/client.ts'
import type { Database, Transaction } from './database.ts'
import { columnsOf } from './rows.ts'

const COLUMNS = columnsOf(Prisma.StoreErrandScalarFieldEnum, 'StoreErrand')

/** Puts one on record, due at once, and rings for it. */
export async function wishErrand(
  tx: Transaction,
  errand: Pick<StoreErrand, 'kind' | 'bucket' | 'prefix'> & Partial<Pick<StoreErrand, 'dataStoreId' | 'notebookId'>>,
): Promise<StoreErrand> {
  const made = await tx.storeErrand.create({ data: errand })
  await tx.$executeRaw`SELECT pg_notify('cahier_wishes', ${made.id}::text)`
  return made
}

/** The longest due that nobody works on; null: there is none. */
export async function claimErrand(database: Database, seconds: number): Promise<StoreErrand | null> {
  const [claimed] = await database.$queryRaw<StoreErrand[]>`
    UPDATE "StoreErrand" SET "state" = 'RUNNING', "attempts" = "attempts" + 1,
      "claimedUntil" = now() + make_interval(secs => ${seconds}), "startedAt" = coalesce("startedAt", now())
    WHERE "id" = (
      SELECT "id" FROM "StoreErrand"
      WHERE "state" = 'PENDING' AND "dueAt" <= now() OR "state" = 'RUNNING' AND "claimedUntil" < now()
      ORDER BY "dueAt", "id" LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING ${COLUMNS}`
  return claimed ?? null
}

/** False: somebody else has taken it over. */
export async function renewErrand(
  database: Database,
  { id, attempts }: StoreErrand,
  seconds: number,
  progress: Prisma.StoreErrandUpdateInput = {},
): Promise<boolean> {
  const renewed = await database.storeErrand.updateMany({
    where: { id, attempts, state: 'RUNNING' },
    data: { ...progress, claimedUntil: new Date(Date.now() + seconds * 1000) },
  })
  return renewed.count > 0
}

/** It is over, or to be taken up again: then it is due in so many milliseconds. */
export async function settleErrand(
  database: Database,
  { id, attempts }: StoreErrand,
  state: Exclude<ErrandState, 'RUNNING'>,
  message: string | null,
  dueIn = 0,
): Promise<void> {
  const isOver = state !== 'PENDING'
  await database.storeErrand.updateMany({
    where: { id, attempts, state: 'RUNNING' },
    data: {
      state,
      message,
      claimedUntil: null,
      ...(isOver ? { endedAt: new Date() } : { dueAt: new Date(Date.now() + dueIn) }),
    },
  })
}
