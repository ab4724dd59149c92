/**
 * The node's round: keeps on record what the node has, and wakes those in its queue for whom there is room. Releases wake
 * them sooner; this is the truth, for wake-ups that were lost and nodes that grew.
 */
import { recordNode } from '../store/installation.ts'
import { wakeQueue } from '../store/queue.ts'
import type { ControllerParts } from './parts.ts'

export async function tendNode({ database, engine, catalogue }: ControllerParts): Promise<void> {
  await recordNode(database, engine.nodeId, await engine.capacity())
  await wakeQueue(database, { nodeId: engine.nodeId, overcommit: catalogue.overcommit })
}
