/** The Prisma client and what every writer needs: a short transaction, and a wake-up that others hear once it is committed. */
import { PrismaPg } from '@prisma/adapter-pg'
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts'

export type Database = PrismaClient
export type Transaction = Prisma.TransactionClient

/** At most `connections` at a time; `url` may name a unix socket's folder by `?host=`. */
export function openDatabase(url: string, connections = 20): Database {
  return new PrismaClient({
    adapter: new PrismaPg({ connectionString: url, max: connections }),
    // A burst of writers waits for its turn; Prisma's own two seconds would turn some of them away.
    transactionOptions: { maxWait: 10_000 },
  })
}

/** `events`: something new in a project's sequence. `wishes`: a notebook wants the reconciler's attention. `routes`: its address changed. */
export type Channel = 'cahier_events' | 'cahier_wishes' | 'cahier_routes'

/** Rings a channel when the transaction commits. The payload is an id only: what happened is read from the tables. */
export async function ring(tx: Transaction, channel: Channel, id: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${channel}, ${id})`
}
