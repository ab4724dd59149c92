/** Data of a light notebook, and whether a run's work on it arrived in the buckets as the contract says. */
import { expect } from 'vitest'
import type { World } from './world.ts'

/** A light notebook that runs, with a workspace, a RW and a RWD volume that were worked on in every way. */
export async function worked(w: World, more: { maxRunSeconds?: number } = {}) {
  const objects = { old: 'old', doomed: 'doomed', third: 'third' }
  const [dataStoreId, rw, rwd] = await Promise.all([w.dataStore(), w.bucket(objects), w.bucket(objects)])
  const notebook = await w.runLight({
    ...more,
    volumes: [
      { bucket: { dataStoreId, bucket: rw }, mountPath: '/mnt/rw', permission: 'RW' },
      { bucket: { dataStoreId, bucket: rwd }, mountPath: '/mnt/rwd', permission: 'RWD' },
    ],
  })
  await notebook.inside.run(`
    mkdir folder && printf kept > folder/kept
    for volume in /mnt/rw /mnt/rwd; do printf new > $volume/new; printf changed > $volume/old; rm $volume/doomed; done
  `)
  return { ...notebook, rw, rwd }
}

/** Nothing is lost, nothing is left in the engine or on record, and there is one period on the bill, which is closed. */
export async function expectSaved(w: World, { uuid, rw, rwd }: { uuid: string; rw: string; rwd: string }) {
  const read = async (bucket: string, prefix = '') => {
    const keys = [...(await w.buckets.list(bucket, prefix)).keys()]
    return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await w.buckets.read(bucket, key)])))
  }
  expect(await read(w.workspaceBucket, uuid)).toMatchObject({ [`${uuid}/folder/kept`]: 'kept' })
  expect(await read(rw)).toEqual({ new: 'new', old: 'changed', doomed: 'doomed', third: 'third' })
  expect(await read(rwd)).toEqual({ new: 'new', old: 'changed', third: 'third' })
  await expectNothingLeft(w, uuid)
  const periods = await w.database.billingPeriod.findMany({ where: { notebookId: uuid } })
  expect(periods).toMatchObject([{ endedAt: expect.any(Date), minutes: 1 }])
}

export async function expectNothingLeft(w: World, uuid: string): Promise<void> {
  const filters = { label: [`cahier.notebook=${uuid}`] }
  expect(await w.docker.listContainers({ all: true, filters })).toEqual([])
  expect((await w.docker.listVolumes({ filters: JSON.stringify(filters) })).Volumes ?? []).toEqual([])
  expect(await w.database.container.count({ where: { notebookId: uuid } })).toBe(0)
  expect(await w.database.localCopy.count({ where: { notebookId: uuid } })).toBe(0)
}
