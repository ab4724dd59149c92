/** The Prisma client and what every writer needs: a short transaction, and a wake-up that others hear once it is committed. */
import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts'

export type Database = PrismaClient
export type Transaction = Prisma.TransactionClient

/** A burst of writers waits for its turn, at first for a connection and then for rows. In ms; Prisma's own limits are 2 and 5 s. */
const WAIT = { maxWait: 10_000, timeout: 30_000 }

/** A process that is paused or cut off in a transaction would keep its rows locked for as long: the database ends it. In ms. */
const IDLE_LIMIT = 10_000

/** At most `connections` at a time; `url` may name a unix socket's folder by `?host=`. */
export function openDatabase(url: string, connections = 20): Database {
  return new PrismaClient({
    adapter: new PrismaPg({
      connectionString: url,
      max: connections,
      idle_in_transaction_session_timeout: IDLE_LIMIT,
    }),
    transactionOptions: WAIT,
  })
}

/** `events`: something new in a project's sequence. `wishes`: a notebook wants the reconciler's attention. `routes`: its address changed. */
export type Channel = 'cahier_events' | 'cahier_wishes' | 'cahier_routes'

/** Rings a channel when the transaction commits. The payload is an id only: what happened is read from the tables. */
export async function ring(tx: Transaction, channel: Channel, id: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${channel}, ${id})`
}
