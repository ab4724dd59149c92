/**
 * The disk round: one replica at a time measures what every notebook of the node uses, and acts on it. From 90 % of its flavor's
 * disk the user is warned, once per crossing; from 110 % the notebook is stopped, the way every run ends: with all that it has saved.
 */
import { type DiskVerdict, judgeDisk, sayBytes } from '../domain/disk.ts'
import { NotFoundError } from '../domain/errors.ts'
import type { NotebookEvent } from '../domain/events.ts'
import { claimMeasurement, endMeasurement, type MeasuredNotebook, recordDiskUsage } from '../store/disk-usage.ts'
import { changeNotebook } from '../store/notebooks.ts'
import type { ControllerParts } from './parts.ts'

/** Between two looks whether a measurement is due, and at least between two measurements; in seconds. */
export const DISK_ROUND_SECONDS = 60

/** A measurement reads every directory: one that takes long is made so seldom that it takes a tenth of the time at most. */
const REST_PER_MEASURING = 9

/** Measures and acts when the node is due. The engine may take minutes over it. */
export async function watchDisk(parts: ControllerParts): Promise<void> {
  const { database, engine, catalogue, clock } = parts
  if (!(await claimMeasurement(database, engine.nodeId))) return
  const began = clock.now().getTime()
  let measured: MeasuredNotebook[]
  try {
    measured = await recordDiskUsage(database, engine.nodeId, await engine.diskUsage())
  } finally {
    const tookSeconds = (clock.now().getTime() - began) / 1000
    await endMeasurement(database, engine.nodeId, Math.max(DISK_ROUND_SECONDS, tookSeconds * REST_PER_MEASURING))
  }
  for (const notebook of measured) {
    const flavor = catalogue.flavors.find(({ id }) => id === notebook.flavor)
    // One that the catalogue has no more has no limit either.
    if (!flavor) continue
    const limit = BigInt(flavor.diskBytes) * BigInt(notebook.units)
    const verdict = judgeDisk(notebook.usedBytes, limit)
    if (verdict === 'full' || (verdict === 'nearlyFull') !== notebook.isNearlyFull)
      await act(parts, notebook, verdict, limit)
  }
}

async function act(
  { database }: ControllerParts,
  measured: MeasuredNotebook,
  verdict: DiskVerdict,
  limit: bigint,
): Promise<void> {
  try {
    await changeNotebook(database, measured.id, null, async ({ state, desired, units }, tx) => {
      // It may have ended meanwhile, or been given another size.
      if (state !== 'RUNNING' || units !== measured.units) return {}
      const isNearlyFull = verdict !== 'fine'
      await tx.diskUsage.updateMany({ where: { notebookId: measured.id }, data: { isNearlyFull } })
      const events = isNearlyFull && !measured.isNearlyFull ? [warning(measured.usedBytes, limit)] : []
      if (verdict !== 'full' || desired !== 'RUNNING') return { events }
      return { events, set: { desired: 'STOPPED', desiredReason: 'DISK_FULL' }, wake: true }
    })
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
}

function warning(used: bigint, limit: bigint): NotebookEvent {
  const message = `The notebook uses ${sayBytes(used)} of its ${sayBytes(limit)} of disk; beyond 110 % it is saved and stopped.`
  return { type: 'NotebookWarned', code: 'DISK_NEARLY_FULL', message, dueAt: null }
}
