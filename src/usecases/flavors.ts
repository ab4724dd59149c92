/** Which flavors the installation's nodes could host, and the refusal of those that none ever could. */
import { couldHost, type NodeSize } from '../domain/capacity.ts'
import type { Catalogue, Flavor } from '../domain/catalogue.ts'
import { FlavorUnavailableError } from '../domain/errors.ts'
import type { Database, Transaction } from '../store/database.ts'

/** A node whose record is this much older than another's is not connected any more. It is renewed with every round. */
const ABSENT_AFTER_MS = 15 * 60 * 1000

/** The nodes that are connected, or were when a controller last ran. */
export async function readNodes(database: Database | Transaction): Promise<(NodeSize & { id: string })[]> {
  const nodes = await database.engineNode.findMany()
  const newest = Math.max(...nodes.map(({ updatedAt }) => updatedAt.getTime()))
  return nodes
    .filter(({ updatedAt }) => newest - updatedAt.getTime() < ABSENT_AFTER_MS)
    .map(({ id, milliCpus, memoryBytes, gpus }) => ({
      id,
      milliCpus,
      memoryBytes,
      gpus: gpus as unknown as NodeSize['gpus'],
    }))
}

export function isHostable(catalogue: Catalogue, nodes: readonly NodeSize[], flavor: Flavor, units: number): boolean {
  return nodes.some((node) => couldHost(node, flavor, units, catalogue.overcommit))
}

/** Throws FlavorUnavailableError, with the flavors of which one unit could run, when no node could ever host it. */
export function assertHostable(catalogue: Catalogue, nodes: readonly NodeSize[], flavor: Flavor, units: number): void {
  if (isHostable(catalogue, nodes, flavor, units)) return
  const available = catalogue.flavors.filter((each) => isHostable(catalogue, nodes, each, 1)).map(({ id }) => id)
  throw new FlavorUnavailableError(`No node of this installation can host ${units} × ${flavor.id}.`, available)
}

/** The flavor a notebook was created with. Throws FlavorUnavailableError when the operator took it off the catalogue since. */
export function flavorOf(catalogue: Catalogue, notebook: { flavor: string }): Flavor {
  const flavor = catalogue.flavors.find(({ id }) => id === notebook.flavor)
  if (flavor) return flavor
  throw new FlavorUnavailableError(
    `The flavor ${notebook.flavor} is not offered any more.`,
    catalogue.flavors.map(({ id }) => id),
  )
}
