/** QUEUED and ALLOCATING: units are reserved on a node in one transaction; from then on they are the notebook's. */
import { randomBytes } from 'node:crypto'
import { engineVolumeName } from '../../domain/volume-names.ts'
import type { Notebook } from '../../generated/prisma/client.ts'
import type { Transaction } from '../../store/database.ts'
import { wakeQueue } from '../../store/leases.ts'
import type { StepContext } from './context.ts'

/** How long a queued notebook waits before it looks again by itself, in ms. A release of units wakes it at once. */
const QUEUE_POLL_MS = 5000

/**
 * Reserves the notebook's units on the node, first come first served within its project, or lets it wait. Who waits behind
 * it looks again.
 */
export async function reserveNode(context: StepContext): Promise<void> {
  const { parts, notebook } = context
  const nodeId = parts.engine.nodeId
  const after = await context.change(async (row, tx, at) => {
    const obstacle = await obstacleTo(context, tx, row)
    if (obstacle)
      return {
        to: { state: 'STARTING', phase: 'QUEUED', message: obstacle },
        set: { retryAt: new Date(at.getTime() + QUEUE_POLL_MS) },
      }
    const sideVolume = await reserveCopies(context, tx)
    // What could not be saved is tried again by this start.
    await tx.localCopy.updateMany({ where: { notebookId: notebook.id }, data: { saveError: null, saveFault: null } })
    return { to: { state: 'STARTING', phase: 'PULLING_DATA' }, set: { nodeId, sideVolume } }
  })
  if (after.nodeId) await wakeQueue(parts.database)
}

/** Puts on record where the files will lie: the copies that are here, and new volumes for the rest. Answers that of the manifests. */
async function reserveCopies({ parts, notebook }: StepContext, tx: Transaction): Promise<string> {
  const nodeId = parts.engine.nodeId
  const tag = randomBytes(4).toString('hex')
  const nameOf = (content: string) => engineVolumeName(parts.installation, notebook.id, tag, content)
  // Copies on another node hold nothing of their own, or there would be an obstacle.
  await tx.localCopy.deleteMany({ where: { notebookId: notebook.id, nodeId: { not: nodeId } } })
  const kept = await tx.localCopy.count({ where: { notebookId: notebook.id } })
  await tx.localCopy.createMany({
    data: ['workspace', ...notebook.volumes.map(({ id }) => id)].map((target) => ({
      notebookId: notebook.id,
      target,
      nodeId,
      engineVolume: nameOf(target),
    })),
    skipDuplicates: true,
  })
  return kept > 0 && notebook.sideVolume ? notebook.sideVolume : nameOf('side')
}

/** A sentence for people; null: nothing stands in the way. */
async function obstacleTo(context: StepContext, tx: Transaction, row: Notebook): Promise<string | null> {
  const nodeId = context.parts.engine.nodeId
  const bound = context.notebook.localCopies.find((copy) => copy.written && copy.nodeId !== nodeId)
  if (bound) return `Waiting for node ${bound.nodeId}, which holds files that are not saved yet.`
  const fits = !(await hasElder(tx, row)) && (await hasRoom(context, tx))
  return fits ? null : 'Waiting until enough of the node is free.'
}

async function hasElder(tx: Transaction, notebook: { id: string; projectId: string; phaseStartedAt: Date }) {
  const elders = await tx.notebook.count({
    where: {
      projectId: notebook.projectId,
      phase: 'QUEUED',
      desired: 'RUNNING',
      deletedAt: null,
      phaseStartedAt: { lt: notebook.phaseStartedAt },
    },
  })
  return elders > 0
}

/** Locks the node, so that two reservations never both pass on the last unit. */
async function hasRoom({ parts, notebook }: StepContext, tx: Transaction): Promise<boolean> {
  const nodeId = parts.engine.nodeId
  await tx.$queryRaw`SELECT 1 FROM "EngineNode" WHERE "id" = ${nodeId} FOR UPDATE`
  const node = await tx.engineNode.findUniqueOrThrow({ where: { id: nodeId } })
  const { _sum: held } = await tx.notebook.aggregate({
    where: { nodeId, deletedAt: null, id: { not: notebook.id } },
    _sum: { heldMilliCpus: true, heldMemoryBytes: true, heldGpus: true },
  })
  const { cpu, memory } = parts.catalogue.overcommit
  const gpus = (node.gpus as { count: number }[]).reduce((sum, { count }) => sum + count, 0)
  return (
    (held.heldMilliCpus ?? 0) + notebook.heldMilliCpus <= node.milliCpus * cpu &&
    Number(held.heldMemoryBytes ?? 0n) + Number(notebook.heldMemoryBytes) <= Number(node.memoryBytes) * memory &&
    (held.heldGpus ?? 0) + notebook.heldGpus <= gpus
  )
}

/** The reservation becomes a place for a container. Never waits for capacity. */
export async function allocate(context: StepContext): Promise<void> {
  await context.parts.engine.ping()
  await context.change(() => ({ to: { state: 'STARTING', phase: 'PULLING_IMAGE' } }))
}
