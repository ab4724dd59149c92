/**
 * The sweep: the engine's events are hints, this is the truth. One labelled list call and a few statements, whatever the
 * number of notebooks. It marks who lives, wakes notebooks whose container has ended or is gone, and removes what nobody
 * owns. It looks only at containers of its own installation, and never touches a volume.
 */
import { STOP_GRACE_SECONDS } from '../domain/lifecycle.ts'
import type { ContainerStatus } from '../engine/port.ts'
import { wakeNotebooks } from '../store/leases.ts'
import type { ControllerParts } from './parts.ts'

/** An inert container that nobody put on record in this time has no maker any more. In ms. */
const INERT_TOO_LONG_MS = 120_000

export async function sweep(parts: ControllerParts): Promise<void> {
  const { database, engine } = parts
  const listed = await engine.list()
  const running = listed.filter(({ state }) => state === 'running').map(({ id }) => id)
  await database.$executeRaw`UPDATE "Container" SET "lastSeenAliveAt" = now() WHERE "id" = ANY(${running})`
  const ended = await database.container.findMany({
    where: {
      nodeId: engine.nodeId,
      role: 'NOTEBOOK',
      settled: false,
      id: { notIn: running },
      notebook: { state: 'RUNNING', deletedAt: null },
    },
    select: { notebookId: true },
  })
  await wakeNotebooks(
    database,
    ended.map(({ notebookId }) => notebookId),
  )
  await removeOrphans(parts, listed)
}

async function removeOrphans(parts: ControllerParts, listed: readonly ContainerStatus[]): Promise<void> {
  const { database } = parts
  const recorded = await database.container.findMany({
    where: { id: { in: listed.map(({ id }) => id) } },
    select: { id: true },
  })
  const known = new Set(recorded.map(({ id }) => id))
  const strangers = listed.filter(({ id }) => !known.has(id))
  const rows = await database.notebook.findMany({
    where: { id: { in: strangers.map(({ identity }) => identity.notebook) } },
    select: { id: true, generation: true, deletedAt: true },
  })
  for (const stranger of strangers)
    await judge(parts, stranger, rows.find(({ id }) => id === stranger.identity.notebook) ?? null)
}

async function judge(
  { engine, clock, log }: ControllerParts,
  stranger: ContainerStatus,
  row: { generation: number; deletedAt: Date | null } | null,
): Promise<void> {
  const about = { containerId: stranger.id, notebookId: stranger.identity.notebook }
  if (row && (row.deletedAt || row.generation > stranger.identity.generation)) {
    log.info(about, 'removing a container that a newer one has replaced')
    return engine.remove(stranger.id, { force: true })
  }
  if (stranger.state === 'created') {
    const age = clock.now().getTime() - stranger.createdAt.getTime()
    return age > INERT_TOO_LONG_MS ? engine.remove(stranger.id, { force: false }) : undefined
  }
  if (stranger.state !== 'running') return
  log.warn(about, 'stopping a container that the database does not know; it and its volumes are kept')
  await engine.stop(stranger.id, STOP_GRACE_SECONDS)
}
