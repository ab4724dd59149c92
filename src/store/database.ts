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
    adapter: new PrismaPg(
      { connectionString: url, max: connections, idle_in_transaction_session_timeout: IDLE_LIMIT },
      { statementNameGenerator: ({ sql }) => nameOfStatement(sql) },
    ),
    transactionOptions: WAIT,
  })
}

/** Far above the number of statements in this program; a text that varies with its values is not to fill the server's memory. */
const MOST_PREPARED = 1000

const statementNames = new Map<string, string>()

/**
 * A name under which a connection prepares a statement, so that the server parses and plans it once; '' for none. What is
 * prepared must name its columns: after a migration the server refuses a `SELECT *` that would answer other ones.
 */
function nameOfStatement(sql: string): string {
  const known = statementNames.get(sql)
  if (known !== undefined) return known
  if (statementNames.size >= MOST_PREPARED) return ''
  const name = `s${statementNames.size}`
  statementNames.set(sql, name)
  return name
}

/**
 * What a statement rings with pg_notify, heard when its transaction commits. The payload is an id only: what happened is read
 * from the tables. `events`: something new in a project's sequence. `wishes`: a notebook, or an errand, wants the controller's
 * attention.
 * `routes`: its address changed.
 */
export type Channel = 'cahier_events' | 'cahier_wishes' | 'cahier_routes'

/** Rings a channel by a statement of its own. */
export async function ring(tx: Transaction, channel: Channel, id: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${channel}, ${id})`
}
