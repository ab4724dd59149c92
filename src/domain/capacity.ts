/** Whether a node could host a notebook at all, were it empty. Whether it can now is the reservation's business. */
import type { Catalogue, Flavor } from './catalogue.ts'

/** What an engine's node has. */
export interface NodeSize {
  milliCpus: number
  memoryBytes: bigint
  gpus: readonly { id: string; model: string }[]
}

/** `units` of the flavor on one node, under the catalogue's overcommit. */
export function couldHost(
  node: NodeSize,
  flavor: Pick<Flavor, 'vcpus' | 'memoryBytes' | 'gpu'>,
  units: number,
  overcommit: Catalogue['overcommit'],
): boolean {
  const gpus = node.gpus.filter(({ model }) => model === flavor.gpu).length
  return (
    flavor.vcpus * 1000 * units <= node.milliCpus * overcommit.cpu &&
    flavor.memoryBytes * units <= Number(node.memoryBytes) * overcommit.memory &&
    (flavor.gpu === null || gpus >= units)
  )
}
