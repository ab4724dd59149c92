/**
 * An older database restored under running notebooks loses no file: what the engine has and the database does not know is
 * stopped, kept and reported, and notebooks are started again beside it.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findOrphans } from '../../src/controller/orphans.ts'
import { rescueVolume } from '../../src/controller/rescue.ts'
import { sweep } from '../../src/controller/sweep.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

const orphans = () => findOrphans(w.database, w.engine)

/** A notebook that runs, of whose run the database is made to know nothing; `generation`: what its row then says. */
async function runningUnknown(generation: number): Promise<{ id: string; container: string; volumes: string[] }> {
  const controller = w.control()
  const id = await w.running(['RW'])
  await controller.stop()
  const container = await w.containerOf(id)
  await w.database.container.deleteMany({ where: { notebookId: id } })
  await w.database.localCopy.deleteMany({ where: { notebookId: id } })
  await w.database.billingPeriod.deleteMany({ where: { notebookId: id } })
  await w.database.notebook.update({
    where: { id },
    data: { state: 'STOPPED', phase: null, sideVolume: null, generation, nodeId: null, dueAt: null, heldMilliCpus: 0 },
  })
  await w.database.installation.updateMany({ data: { restoredAt: new Date() } })
  return { id, container, volumes: [...w.daemon.volumes.keys()] }
}

describe('what a restored database does not know', () => {
  test('a container of a newer generation than the row says is stopped and kept, with its volumes, and reported', async () => {
    const { id, container, volumes } = await runningUnknown(0)
    await sweep(w.parts)
    await sweep(w.parts)
    expect(w.daemon.find(container)?.state).toBe('exited')
    const found = await orphans()
    expect(found.containers).toMatchObject([{ name: container, notebookId: id, notebookName: 'n' }])
    expect(found.volumes.map(({ name }) => name).sort()).toEqual(volumes.sort())
    expect(found.volumes.map(({ content }) => content).sort()).toEqual(['/workspace/v0', 'side', 'workspace'])
  })

  test('a container without a row is stopped and kept', async () => {
    const { id, container, volumes } = await runningUnknown(0)
    await w.database.event.deleteMany()
    await w.database.dataSync.deleteMany()
    await w.database.volume.deleteMany()
    await w.database.notebook.delete({ where: { id } })
    await sweep(w.parts)
    expect(w.daemon.find(container)?.state).toBe('exited')
    expect((await orphans()).containers).toMatchObject([{ name: container, notebookName: null }])
    expect([...w.daemon.volumes.keys()]).toEqual(volumes)
  })

  test('the notebook starts beside it with copies of its own; also when it comes to the same generations and beyond', async () => {
    const { id, container, volumes } = await runningUnknown(0)
    await sweep(w.parts)
    w.control()
    await w.start(id)
    await w.until(id, isRunning)
    await w.wish(id, stop)
    await w.until(id, isSettled)
    await sweep(w.parts)
    expect(w.containers().map((each) => each.id)).toEqual([container])
    expect([...w.daemon.volumes.keys()].sort()).toEqual(volumes.sort())
  })

  test('a row whose local copy is gone ends in an ERROR that can be given up, never in an empty push', async () => {
    const controller = w.control()
    const id = await w.running(['RW'])
    await controller.stop()
    w.daemon.remove(await w.containerOf(id))
    w.daemon.volumes.clear()
    await w.wake(id)
    w.control()
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(failed.message).toContain('The local copy was removed from its node')
    expect(await w.database.dataSync.count({ where: { direction: 'PUSH' } })).toBe(0)
  })

  test('what is on record is never reported', async () => {
    w.control()
    await w.running(['RO', 'RW'])
    expect(await orphans()).toEqual({ containers: [], volumes: [] })
  })

  test("a volume's files are carried to a place of their own, while no sweep disturbs it, and the volume stays", async () => {
    const { id, volumes } = await runningUnknown(0)
    await sweep(w.parts)
    const [volume] = (await orphans()).volumes.filter(({ content }) => content === 'workspace')
    if (!volume) throw new Error('no volume')
    let seen: unknown
    w.daemon.programs.mover = moverThat(async ({ source }, { direction }) => {
      await sweep(w.parts)
      seen = { direction, prefix: source.prefix }
      return { filesDone: 2 }
    })
    const source = { name: volume.name, notebook: id, createdAt: null }
    const operation = '0b9b4a3e-7c36-4f8e-8a30-53cf0d5c7d10'
    const { prefix, result } = await rescueVolume(w.parts, source, operation, () => undefined)
    expect(result).toMatchObject({ state: 'done', filesDone: 2 })
    expect(prefix).toMatch(new RegExp(`^recovered/${id}/`))
    expect(seen).toEqual({ direction: 'push', prefix })
    expect([...w.daemon.volumes.keys()].sort()).toEqual(volumes.sort())
  })
})
