/** QUEUED and ALLOCATING: units are reserved on a node in one transaction; from then on they are the notebook's. */
import { randomBytes } from 'node:crypto'
import { engineVolumeName } from '../../domain/volume-names.ts'
import { type Notebook, Prisma } from '../../generated/prisma/client.ts'
import { type Turn, takeTurn } from '../../store/queue.ts'
import { inserting } from '../../store/rows.ts'
import type { StepContext } from './context.ts'
import { NEW_COPY } from './local-copies.ts'

/**
 * How long a queued notebook rests before it looks again by itself, in ms. Who gives units back wakes those that can have
 * them, and every round of the node does so again; this is only for a wake-up that all of them missed.
 */
const QUEUE_POLL_MS = 600_000

/** Reserves the notebook's units, and of GPUs the very devices, when it is its turn; else says what it waits for. */
export async function reserveNode(context: StepContext): Promise<void> {
  const { parts, notebook } = context
  const nodeId = parts.engine.nodeId
  const place = { nodeId, overcommit: parts.catalogue.overcommit }
  const { copies, also, sideVolume } = placeCopies(context)
  let isAdmitted = false
  const row = await context.change(async (row, tx, at) => {
    const bound = notebook.localCopies.find((copy) => copy.written && copy.nodeId !== nodeId)
    const turn = bound ? null : await takeTurn(tx, place, notebook.id)
    if (!turn?.admitted) {
      const message = bound
        ? `Waiting for node ${bound.nodeId}, which holds files that are not saved yet.`
        : waitingSentence(row, turn)
      const rest = QUEUE_POLL_MS * (1 + parts.clock.random())
      return {
        to: { state: 'STARTING', phase: 'QUEUED', reason: bound ? null : 'CAPACITY', message },
        set: { retryAt: new Date(at.getTime() + rest) },
      }
    }
    isAdmitted = true
    // Copies on another node hold nothing of their own, or it would be bound there.
    if (notebook.localCopies.some((copy) => copy.nodeId !== nodeId))
      await tx.localCopy.deleteMany({ where: { notebookId: notebook.id, nodeId: { not: nodeId } } })
    return {
      to: { state: 'STARTING', phase: 'PULLING_DATA' },
      set: { nodeId, sideVolume, gpuDevices: turn.gpuDevices },
      also,
    }
  })
  context.knows(isAdmitted ? { ...row, localCopies: copies } : row)
}

/** What it waits for, for people: what is not free for it after those ahead of it, whose own start changes nothing about that. */
function waitingSentence(row: Notebook, turn: Turn | null): string {
  const wants = {
    GPUS: `${row.heldGpus} × ${row.heldGpuModel}`,
    CPUS: `${row.heldMilliCpus / 1000} vCPU`,
    MEMORY: `${Math.ceil(Number(row.heldMemoryBytes) / 2 ** 20)} MiB of memory`,
  }
  if (!turn) return 'Waiting for a node that is large enough: the present one is not.'
  return `Waiting for ${turn.lacks.map((what) => wants[what]).join(' and ')} to be free for it on the node.`
}

/**
 * Where the files will lie: the copies that are here, and new volumes for the rest. `also` puts that on record; `sideVolume`
 * is that of the manifests. What could not be saved is tried again by this start.
 */
function placeCopies({ parts, notebook }: StepContext) {
  const nodeId = parts.engine.nodeId
  const tag = randomBytes(4).toString('hex')
  const nameOf = (content: string) => engineVolumeName(parts.installation, notebook.id, tag, content)
  const kept = notebook.localCopies.filter((copy) => copy.nodeId === nodeId)
  const made = ['workspace', ...notebook.volumes.map(({ id }) => id)]
    .filter((target) => kept.every((copy) => copy.target !== target))
    .map((target) => ({ notebookId: notebook.id, target, nodeId, engineVolume: nameOf(target), ...NEW_COPY }))
  const forgetsFailures = Prisma.sql`
    UPDATE "LocalCopy" SET "saveError" = NULL, "saveFault" = NULL FROM "held"
    WHERE "notebookId" = "held"."id" AND "nodeId" = ${nodeId}`
  return {
    copies: [...kept.map((copy) => ({ ...copy, saveError: null, saveFault: null })), ...made],
    also: [...(made.length > 0 ? [inserting('LocalCopy', made)] : []), ...(kept.length > 0 ? [forgetsFailures] : [])],
    sideVolume: kept.length > 0 && notebook.sideVolume ? notebook.sideVolume : nameOf('side'),
  }
}

/** The reservation becomes a place for a container. Never waits for capacity. */
export async function allocate(context: StepContext): Promise<void> {
  await context.parts.engine.ping()
  await context.advance(() => ({ to: { state: 'STARTING', phase: 'PULLING_IMAGE' } }))
}
