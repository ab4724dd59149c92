/** Billing periods: opened in the transaction that enters RUNNING, closed in the one that leaves it. */
import { randomUUID } from 'node:crypto'
import { commencedMinutes, endOfRun, type RunEnd } from '../domain/billing.ts'
import { minutesBeyond } from '../domain/budget.ts'
import type { Catalogue } from '../domain/catalogue.ts'
import type { RunTerms } from '../domain/events.ts'
import type { Container, Notebook, Prisma } from '../generated/prisma/client.ts'
import type { Transaction } from '../store/database.ts'
import { inserting } from '../store/rows.ts'

/** The price is the catalogue's of this moment, for the whole run. */
export function termsOf(catalogue: Catalogue, { flavor: id, units }: Pick<Notebook, 'flavor' | 'units'>): RunTerms {
  const flavor = catalogue.flavors.find((each) => each.id === id)
  if (!flavor) throw new Error(`Flavor ${id} has no price: it is not in the catalogue any more`)
  return { flavor: id, units, pricePerHourMicros: String(flavor.pricePerHourMicros), currency: catalogue.currency }
}

export function opensPeriod(
  { flavor, units, pricePerHourMicros, currency }: RunTerms,
  notebook: Notebook,
  { nodeId, generation }: Pick<Container, 'nodeId' | 'generation'>,
  at: Date,
): Prisma.Sql {
  const { id: notebookId, projectId } = notebook
  const price = { flavor, units, pricePerHourMicros: BigInt(pricePerHourMicros), currency }
  return inserting('BillingPeriod', [
    { id: randomUUID(), projectId, notebookId, nodeId, generation, startedAt: at, ...price },
  ])
}

/**
 * `ended`: the container ended before, at that time if the engine saw it; null: it runs until now. `waives`: minutes beyond a
 * budget that would have stopped the run are not billed. Answers what the end is on record as.
 */
export async function closePeriod(
  tx: Transaction,
  notebook: Notebook,
  ended: { finishedAt: Date | null } | null,
  at: Date,
  waives: boolean,
): Promise<RunEnd> {
  const period = await tx.billingPeriod.findFirstOrThrow({ where: { notebookId: notebook.id, endedAt: null } })
  const container = await tx.container.findFirst({ where: { notebookId: notebook.id, generation: period.generation } })
  const end = endOfRun({
    startedAt: period.startedAt,
    leftAt: at,
    ended: ended !== null,
    engineEnd: ended?.finishedAt ?? null,
    lastSeenAlive: container?.lastSeenAliveAt ?? null,
  })
  const { startedAt, projectId } = period
  const minutes = commencedMinutes(startedAt, end.endedAt)
  const budget = waives ? await tx.budget.findFirst({ where: { projectId, stopAt: { lte: end.endedAt } } }) : null
  const waivedMinutes = budget?.stopAt ? minutesBeyond({ startedAt, minutes }, budget.stopAt) : 0
  await tx.billingPeriod.update({ where: { id: period.id }, data: { ...end, minutes, waivedMinutes } })
  return { ...end, waivedMinutes }
}
