/** Which flavors the installation's nodes could host, and the refusal of those that none ever could. */
import { couldHost, type NodeSize } from '../domain/capacity.ts'
import type { Catalogue, Flavor } from '../domain/catalogue.ts'
import { FlavorUnavailableError } from '../domain/errors.ts'
import type { Database, Transaction } from '../store/database.ts'

/** The nodes on record. */
export async function readNodes(database: Database | Transaction): Promise<NodeSize[]> {
  const nodes = await database.engineNode.findMany({ select: { milliCpus: true, memoryBytes: true, gpus: true } })
  return nodes.map(({ gpus, ...node }) => ({ ...node, gpus: gpus as unknown as NodeSize['gpus'] }))
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
