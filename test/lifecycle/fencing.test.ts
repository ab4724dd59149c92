/** Leases: any number of control planes, one of which works on a notebook at a time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { isRunning, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

describe('leases and fencing', () => {
  const loseLease = (id: string) => w.database.notebook.update({ where: { id }, data: { leaseUntil: new Date(0) } })

  test('a controller that lost its lease does no harm: there is one container, and its late write is refused', async () => {
    const first = w.control()
    const hold = w.daemon.faults.hold('create')
    const { id } = await w.notebook()
    await hold.reached
    await loseLease(id)
    w.control()
    await w.untilQuietly(id, ({ leaseEpoch }) => leaseEpoch > 1)
    hold.release()
    await w.until(id, isRunning)
    expect(w.containers().filter(({ state }) => state === 'running')).toHaveLength(1)
    await first.stop()
  })

  test('a controller that ends gives its notebooks to the next at once, in the phase they were in', async () => {
    const done = Promise.withResolvers<object>()
    w.daemon.programs.mover = moverThat(() => done.promise)
    const first = w.control()
    const { id } = await w.notebook()
    await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await first.stop()
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ leaseOwner: null })
    w.control()
    done.resolve({})
    await w.until(id, isRunning)
    expect(await w.database.dataSync.count()).toBe(1)
  })

  test('an answer of the engine that got lost leaves no second container', async () => {
    w.daemon.faults.loseAnswer('create')
    w.control()
    await w.running()
    expect(w.containers()).toHaveLength(1)
  })
})
