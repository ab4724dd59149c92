/** Where waiting notebooks stand in the queue, for people. */
import { queuePositions } from '../store/queue.ts'
import { readNodes } from './flavors.ts'
import type { UseCaseParts } from './parts.ts'

/** By notebook: its place in the queue where that is shortest, 1 being the next; one that does not wait is missing. */
export async function placesInQueue(
  { database, catalogue }: Pick<UseCaseParts, 'database' | 'catalogue'>,
  notebookIds: readonly string[],
): Promise<Map<string, number>> {
  const { overcommit } = catalogue
  const places = new Map<string, number>()
  for (const { id: nodeId } of await readNodes(database))
    for (const [id, position] of await queuePositions(database, { nodeId, overcommit }, notebookIds))
      places.set(id, Math.min(position, places.get(id) ?? position))
  return places
}
