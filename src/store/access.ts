/** Changes of who may see what. */
import type { Prisma } from '../generated/prisma/client.ts'
import { ring, type Transaction } from './database.ts'

/**
 * Tells subscribers of the projects that access to them changed, and locks the projects until the transaction ends. Call it
 * before the change, so that two of them come one after the other.
 */
export async function changeAccess(tx: Transaction, projects: Prisma.ProjectWhereInput): Promise<void> {
  const changed = await tx.project.updateManyAndReturn({
    where: { ...projects, deletedAt: null },
    data: { accessEpoch: { increment: 1 } },
    select: { id: true },
  })
  for (const { id } of changed) await ring(tx, 'cahier_events', id)
}
