/** Local copies have volumes of their own, which no other time's control plane knows or removes. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

describe('local copies', () => {
  test('no volume is made again under the name of one that was removed', async () => {
    w.control()
    const id = await w.running(['RW'])
    const first = [...w.daemon.volumes.keys()]
    expect(first).toHaveLength(3)
    await w.wish(id, stop)
    await w.until(id, isSettled)
    expect(w.daemon.volumes.size).toBe(0)
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ sideVolume: null })
    await w.start(id)
    await w.until(id, isRunning)
    expect(w.daemon.volumes.size).toBe(3)
    for (const name of first) expect(w.daemon.volumes.has(name)).toBe(false)
  })

  test('a removal that comes late, by a controller that lost its lease, does not meet the copies of its successor', async () => {
    const [asked, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const removals: Promise<void>[] = []
    const removeVolume = (name: string) => {
      asked.resolve()
      removals.push(late.promise.then(() => w.engine.removeVolume(name)))
      return late.promise
    }
    w.control({ ...w.engine, removeVolume })
    const id = await w.running(['RW'])
    await w.wish(id, stop)
    await asked.promise
    await w.database.notebook.update({ where: { id }, data: { leaseUntil: new Date(0) } })
    w.control()
    await w.until(id, isSettled)
    await w.start(id)
    await w.until(id, isRunning)
    const names = [...w.daemon.volumes.keys()]
    late.resolve()
    await Promise.all(removals)
    expect([...w.daemon.volumes.keys()]).toEqual(names)
  })

  test('what a container mounts that nobody put on record is removed at once, and the container with it', async () => {
    w.control()
    const id = await w.running(['RW'])
    await w.clock.hold()
    const spec = w.daemon.find(await w.containerOf(id))?.spec
    if (!spec) throw new Error('There is no container')
    w.daemon.create({ ...spec, identity: { ...spec.identity, generation: spec.identity.generation + 1 } })
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', attempts: 0 })
    await w.expectNothingLeft()
  })

  test('what a container outside has is tried again, and the message says so', async () => {
    w.control()
    const id = await w.running(['RW'])
    const spec = w.daemon.find(await w.containerOf(id))?.spec
    if (!spec) throw new Error('There is no container')
    const outside = w.daemon.create({ ...spec, identity: { ...spec.identity, installation: randomUUID() } })
    await w.wish(id, stop)
    await w.until(id, ({ message }) => message === 'A local copy is in use by another container. Trying again (1).')
    w.daemon.remove(outside)
    await w.until(id, isSettled)
    await w.expectNothingLeft()
  })
})
