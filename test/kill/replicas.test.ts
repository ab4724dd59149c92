/** Control planes on one database share the work by leases. One that is killed loses its notebooks to another in seconds. */
import { expect, test } from 'vitest'
import { faultsAfterAll } from './verdict.ts'
import { bucketOf, type World, world } from './world.ts'

test('one of two is killed: the other takes its notebooks over within seconds, and nothing is done twice', async () => {
  await using w = await world()
  await w.control.holdBucket(bucketOf('RO'))
  const first = await w.plane()
  const ids = (await Promise.all([w.notebook(), w.notebook(), w.notebook()])).map(({ id }) => id)
  for (const id of ids) await w.until(id, async () => (await syncsUnderWay(w, id)) > 0)
  await w.plane()
  await first.kill()
  const killedAt = Date.now()
  const epochs = await epochsOf(w, ids)
  for (const id of ids) await w.until(id, async ({ leaseEpoch }) => leaseEpoch > (epochs.get(id) ?? 0))
  const seconds = (Date.now() - killedAt) / 1000
  await w.control.releaseBucket(bucketOf('RO'))
  for (const id of ids) await w.until(id, ({ state }) => state === 'RUNNING')
  expect(seconds).toBeLessThan(20)
  expect(await w.database.dataSync.count({ where: { direction: 'PULL' } })).toBe(ids.length * 4)
  expect(await faultsAfterAll(w)).toEqual([])
})

function syncsUnderWay({ database }: World, notebookId: string): Promise<number> {
  return database.dataSync.count({ where: { notebookId, state: 'RUNNING', revision: { gte: 2 } } })
}

async function epochsOf({ database }: World, ids: string[]): Promise<Map<string, number>> {
  const rows = await database.notebook.findMany({ where: { id: { in: ids } } })
  return new Map(rows.map(({ id, leaseEpoch }) => [id, leaseEpoch]))
}
