/**
 * The sweep: the engine's events are hints, this is the truth. One labelled list call and one statement, whatever the
 * number of notebooks. It marks who lives, wakes notebooks whose container has ended or is gone, and removes what nobody
 * owns. It looks only at containers of its own installation, and never touches a volume.
 */
import { STOP_GRACE_SECONDS } from '../domain/lifecycle.ts'
import type { ContainerStatus } from '../engine/port.ts'
import { type RowOfStranger, recordSightings } from '../store/sightings.ts'
import type { ControllerParts } from './parts.ts'

/** An inert container that nobody put on record in this time has no maker any more. In ms. */
const INERT_TOO_LONG_MS = 120_000

type SweepParts = Pick<ControllerParts, 'database' | 'engine' | 'clock' | 'log' | 'stopGraceSeconds'>

export async function sweep(parts: SweepParts): Promise<void> {
  const listed = await parts.engine.list()
  const strangers = await recordSightings(
    parts.database,
    parts.engine.nodeId,
    listed.map(({ id, identity, state }) => ({ id, notebookId: identity.notebook, isRunning: state === 'running' })),
  )
  for (const container of listed) {
    const row = strangers.get(container.id)
    if (row !== undefined) await judge(parts, container, row)
  }
}

async function judge(
  { engine, clock, log, stopGraceSeconds = STOP_GRACE_SECONDS }: SweepParts,
  stranger: ContainerStatus,
  row: RowOfStranger | null,
): Promise<void> {
  const about = { containerId: stranger.id, notebookId: stranger.identity.notebook }
  // What a restored database does not know may be newer than what it knows, whatever the numbers say.
  const isOfAnotherTime = row?.restoredAt && stranger.createdAt <= row.restoredAt && stranger.state !== 'created'
  if (row && !isOfAnotherTime && (row.isDeleted || row.generation > stranger.identity.generation)) {
    log.info(about, 'removing a container that a newer one has replaced')
    return engine.remove(stranger.id, { force: true })
  }
  if (stranger.state === 'created') {
    const age = clock.now().getTime() - stranger.createdAt.getTime()
    return age > INERT_TOO_LONG_MS ? engine.remove(stranger.id, { force: false }) : undefined
  }
  if (stranger.state !== 'running') return
  log.warn(
    about,
    'stopping a container that the database does not know; it and its volumes are kept: see "npm run orphans"',
  )
  await engine.stop(stranger.id, stopGraceSeconds)
}
