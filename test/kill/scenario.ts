/**
 * A notebook's whole life with every turn that it can take by itself or by its user: a mover that takes its time, an image that
 * is built, an answer of the engine that got lost, a warning of its limit, syncs and a checkpoint while it runs, a restart, a save that fails and is taken again, a second start, and a
 * deletion out of RUNNING. It reaches every step of the journal and every engine call that acts; the matrix says so if not.
 */
import { encodeId } from '../../src/domain/ids.ts'
import { SAVE_RETRY_SECONDS } from '../../src/domain/lifecycle.ts'
import { syncNotebookData } from '../../src/usecases/live-syncs.ts'
import { deleteNotebook, restartNotebook, startNotebook, stopNotebook } from '../../src/usecases/notebooks.ts'
import { bucketOf, IMAGE, type World } from './world.ts'

/** How often it is RUNNING. */
export const RUNS = 3

/** Answers the notebook's id once it is deleted. `inItsLastRun` is done while it is RUNNING for the last time. */
export async function liveItsLife(w: World, inItsLastRun?: () => Promise<void>): Promise<string> {
  await w.control.forgetImage(IMAGE)
  await w.control.loseAnswer('create')
  await w.control.holdBucket(bucketOf('RO'))
  const { id } = await w.notebook()
  const input = { notebookId: encodeId('Notebook', id) }
  await w.until(id, () => isFollowed(w, id))
  await w.control.releaseBucket(bucketOf('RO'))
  await isRunning(w, id, 1)
  await comeNearItsLimit(w, id)
  await w.until(id, async () => (await warningsOf(w, id)) === 1)
  for (const direction of ['PULL', 'PUSH'] as const) await syncBeside(w, id, direction)
  await reachCheckpoint(w, id)

  await restartNotebook(w, w.viewer, input)
  await isRunning(w, id, 2)

  await w.control.failBucket(bucketOf('RW'), { kind: 'data', message: 'Access denied.' })
  await stopNotebook(w, w.viewer, input)
  await w.until(id, ({ state }) => state === 'FAILED')
  await w.control.failBucket(bucketOf('RW'), null)
  await passTimeOfRetry(w, id)
  await w.until(id, ({ state }) => state === 'STOPPED')

  await startNotebook(w, w.viewer, input)
  await isRunning(w, id, RUNS)
  await inItsLastRun?.()
  await deleteNotebook(w, w.viewer, { ...input, force: true })
  await w.until(id, ({ deletedAt }) => deletedAt !== null)
  return id
}

/** Some control plane has read a line of the pulling mover: the start of the syncs is their first revision, a line the second. */
async function isFollowed({ database }: World, notebookId: string): Promise<boolean> {
  return (await database.dataSync.count({ where: { notebookId, state: 'RUNNING', revision: { gte: 2 } } })) > 0
}

async function isRunning(w: World, id: string, run: number): Promise<void> {
  await w.until(
    id,
    async ({ state }) =>
      state === 'RUNNING' && (await w.database.billingPeriod.count({ where: { notebookId: id } })) === run,
  )
}

/** Moves all its data beside the running notebook. Whatever control plane dies over it, it comes to a good end. */
async function syncBeside(w: World, notebookId: string, direction: 'PULL' | 'PUSH'): Promise<void> {
  const wished = await syncNotebookData(w, w.viewer, { notebookId: encodeId('Notebook', notebookId), direction })
  const ids = wished.map(({ id }) => id)
  const syncs = () => w.database.dataSync.findMany({ where: { id: { in: ids } } })
  await w.until(notebookId, async () => (await syncs()).every(({ endedAt }) => endedAt !== null))
  const failed = (await syncs()).filter(({ state }) => state !== 'DONE')
  if (failed.length > 0)
    throw new Error(`Syncs beside the notebook failed: ${JSON.stringify(failed.map(({ message }) => message))}`)
}

/** As if it were time to save the workspace of the running notebook. */
async function reachCheckpoint(w: World, notebookId: string): Promise<void> {
  await w.database.notebook.update({ where: { id: notebookId }, data: { checkpointAt: new Date() } })
  await w.wake(notebookId)
  const where = { notebookId, isCheckpoint: true, state: 'DONE' } as const
  await w.until(notebookId, async () => (await w.database.dataSync.count({ where })) > 0)
}

/** As if the run had lasted until shortly before its limit. */
async function comeNearItsLimit(w: World, id: string): Promise<void> {
  await w.database.notebook.update({ where: { id }, data: { stopsAt: new Date(Date.now() + 240_000) } })
  await w.wake(id)
}

/** How often it was warned of the limit of a run. */
export function warningsOf({ database }: World, notebookId: string): Promise<number> {
  return database.event.count({ where: { notebookId, payload: { path: ['code'], equals: 'RUN_LIMIT_NEAR' } } })
}

/** As if the wait for the next try by itself were over. */
async function passTimeOfRetry(w: World, id: string): Promise<void> {
  const longAgo = new Date(Date.now() - 2 * SAVE_RETRY_SECONDS * 1000)
  await w.database.notebook.update({ where: { id }, data: { phaseStartedAt: longAgo } })
  await w.wake(id)
}
