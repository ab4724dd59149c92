/**
 * A notebook's life on real parts, of which every file is known: three runs, with syncs while it runs, a restart, a save that the user's store
 * refuses and that is taken again, a second start, and a deletion out of RUNNING. Answers its id once it is deleted.
 */
import { expect } from 'vitest'
import { encodeId } from '../../src/domain/ids.ts'
import { SAVE_RETRY_SECONDS } from '../../src/domain/lifecycle.ts'
import { syncNotebookData } from '../../src/usecases/live-syncs.ts'
import { deleteNotebook, restartNotebook, startNotebook, stopNotebook } from '../../src/usecases/notebooks.ts'
import { type MortalWorld, mountPathOf, OBJECTS, PERMISSIONS, type Permission } from './mortal-world.ts'

export const RUNS = 3

const WRITABLE = ['RW', 'RWD'] as const
const fileOf = (run: number): string => `run-${run}`

/** Large enough to be carried in several reads, and other in each place. */
const contentOf = (place: string, run: number): string => `${place} of run ${run}\n`.repeat(2000)

export async function liveItsLife(w: MortalWorld): Promise<string> {
  const { id } = await w.notebook()
  const input = { notebookId: encodeId('Notebook', id) }
  await work(w, id, 1)
  for (const direction of ['PULL', 'PUSH'] as const) await syncBeside(w, id, direction)

  await restartNotebook(w, w.viewer, input)
  await work(w, id, 2)

  await w.setStoreRefuses(true)
  await stopNotebook(w, w.viewer, input)
  const failed = await w.until(id, ({ state }) => state === 'FAILED' || state === 'ERROR')
  expect(failed).toMatchObject({ state: 'FAILED', reason: 'DATA_ACCESS' })
  await w.setStoreRefuses(false)
  await passTimeOfRetry(w, id)
  await w.until(id, ({ state }) => state === 'STOPPED')

  await startNotebook(w, w.viewer, input)
  await work(w, id, 3)
  await deleteNotebook(w, w.viewer, { ...input, force: true })
  await w.until(id, ({ deletedAt }) => deletedAt !== null)
  return id
}

/** As soon as the run is there: it finds what those before it wrote, and writes its own. */
async function work(w: MortalWorld, id: string, run: number): Promise<void> {
  const runs = () => w.database.billingPeriod.count({ where: { notebookId: id } })
  await w.until(id, async ({ state }) => state === 'RUNNING' && (await runs()) === run)
  const inside = await w.inside(id)
  for (const place of ['/workspace', ...WRITABLE.map(mountPathOf)]) {
    for (let earlier = 1; earlier < run; earlier++)
      expect(await inside.read(`${place}/${fileOf(earlier)}`), `in run ${run}`).toBe(contentOf(place, earlier))
    await inside.write(`${place}/${fileOf(run)}`, contentOf(place, run))
  }
  for (const permission of PERMISSIONS) expect(await inside.read(`${mountPathOf(permission)}/kept`)).toBe(OBJECTS.kept)
  for (const permission of WRITABLE) await inside.run(`rm -f ${mountPathOf(permission)}/doomed`)
}

async function syncBeside(w: MortalWorld, id: string, direction: 'PULL' | 'PUSH'): Promise<void> {
  const wished = await syncNotebookData(w, w.viewer, { notebookId: encodeId('Notebook', id), direction })
  const where = { id: { in: wished.map((sync) => sync.id) } }
  await w.until(id, async () => (await w.database.dataSync.count({ where: { ...where, endedAt: null } })) === 0)
  const states = (await w.database.dataSync.findMany({ where })).map(({ state }) => state)
  expect(new Set(states), `of a ${direction} in RUNNING`).toEqual(new Set(['DONE']))
}

/** As if the wait for the next try by itself were over. */
async function passTimeOfRetry(w: MortalWorld, id: string): Promise<void> {
  const longAgo = new Date(Date.now() - 2 * SAVE_RETRY_SECONDS * 1000)
  await w.database.notebook.update({ where: { id }, data: { phaseStartedAt: longAgo } })
  await w.wake(id)
}

/** Every object of every bucket is there and as it was written, and no other. */
export async function expectFilesAreWell(w: MortalWorld, id: string): Promise<void> {
  const written = (place: string) =>
    Object.fromEntries(Array.from({ length: RUNS }, (_, index) => [fileOf(index + 1), contentOf(place, index + 1)]))
  const workspace = await contentsOf(w, w.workspaces, `${id}/`)
  expect(workspace).toEqual(written('/workspace'))
  const { doomed, ...rest } = OBJECTS
  const expected: Record<Permission, Record<string, string>> = {
    RO: OBJECTS,
    RW: { ...OBJECTS, ...written(mountPathOf('RW')) },
    RWD: { ...rest, ...written(mountPathOf('RWD')) },
  }
  for (const permission of PERMISSIONS)
    expect(await contentsOf(w, w.bucketOf(permission), ''), permission).toEqual(expected[permission])
}

async function contentsOf({ buckets }: MortalWorld, bucket: string, prefix: string): Promise<Record<string, string>> {
  const keys = [...(await buckets.list(bucket, prefix)).keys()]
  const contents = keys.map(async (key) => [key.slice(prefix.length), await buckets.read(bucket, key)] as const)
  return Object.fromEntries(await Promise.all(contents))
}
