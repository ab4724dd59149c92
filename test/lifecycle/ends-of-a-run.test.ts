/** However a run ends, its data is saved before the notebook settles, and who ended it is on record. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sweep } from '../../src/controller/sweep.ts'
import { isRunning, isSettled, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

describe('however a run ends, its data is saved, and who ended it is on record', () => {
  test.each([
    ['exit 0', { code: 0, oomKilled: false }, { state: 'STOPPED', reason: 'EXITED', exitCode: 0 }],
    ['exit 3', { code: 3, oomKilled: false }, { state: 'FAILED', reason: 'EXITED', exitCode: 3 }],
    ['out of memory', { code: 137, oomKilled: true }, { state: 'FAILED', reason: 'OUT_OF_MEMORY', oomKilled: true }],
    ['exit 0 after a child ran out of memory', { code: 0, oomKilled: true }, { state: 'STOPPED', reason: 'EXITED' }],
  ])('%s', async (_, exit, expected) => {
    w.control()
    const id = await w.running(['RW'])
    w.daemon.end(await w.containerOf(id), exit)
    expect(await w.until(id, isSettled)).toMatchObject(expected)
    expect(await w.transitions(id)).toEqual(expect.arrayContaining(['SAVING_WORKSPACE', 'PUSHING_DATA']))
    expect(await w.periods(id)).toMatchObject([{ endSource: 'ENGINE', minutes: 1 }])
    await w.expectNothingLeft()
  })

  test('a container removed from outside is noticed by the sweep when the event is lost, and billed until it was last seen alive', async () => {
    w.control()
    const id = await w.running()
    w.daemon.loseEvents(1)
    w.daemon.remove(await w.containerOf(id))
    await sweep(w.parts)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'FAILED', reason: 'CONTAINER_LOST' })
    expect(await w.periods(id)).toMatchObject([{ endSource: 'LIVENESS', minutes: 1 }])
    await w.expectNothingLeft()
  })

  test('a container that is seen while it is being removed from outside is lost, not ended by itself, and billed to its end', async () => {
    w.control()
    const id = await w.running()
    const container = await w.containerOf(id)
    w.daemon.end(container, { code: null, oomKilled: false })
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'FAILED', reason: 'CONTAINER_LOST', exitCode: null })
    expect(await w.periods(id)).toMatchObject([{ endSource: 'ENGINE', minutes: 1 }])
    await w.expectNothingLeft()
  })

  test('a crash of the engine is not billed, nor taken for the fault of the notebook', async () => {
    const before = w.control()
    const id = await w.running()
    const container = await w.containerOf(id)
    // None of its sweeps is late, and marks as alive what is dead here.
    await before.stop()
    const hourAgo = new Date(Date.now() - 3_600_000)
    await w.database.container.update({ where: { id: container }, data: { lastSeenAliveAt: hourAgo } })
    await w.database.billingPeriod.updateMany({ data: { startedAt: new Date(hourAgo.getTime() - 90_000) } })
    w.daemon.end(container, { code: 255, oomKilled: false })
    w.control()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'FAILED', reason: 'CONTAINER_LOST' })
    expect(await w.periods(id)).toMatchObject([{ endSource: 'LIVENESS', endedAt: hourAgo, minutes: 2 }])
  })

  test('a restart of the engine is its own fault, whatever the exit code, and the run is billed to its end', async () => {
    w.control()
    const id = await w.running()
    w.daemon.restart({ code: 0, oomKilled: false })
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'FAILED', reason: 'CONTAINER_LOST', exitCode: null })
    expect(await w.periods(id)).toMatchObject([{ endSource: 'ENGINE', minutes: 1 }])
    await w.expectNothingLeft()
  })

  test('a process killed for memory in a container that lives on changes no state, and is warned of', async () => {
    w.control()
    const id = await w.running()
    w.daemon.killChildForMemory(await w.containerOf(id))
    await w.until(id, async () => (await w.transitions(id)).includes('OUT_OF_MEMORY'))
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'RUNNING' })
  })

  test('the run limit', async () => {
    w.control()
    const { id } = await w.notebook([], { maxRunSeconds: 3600 })
    await w.until(id, isRunning)
    await w.clock.advance(3600)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'RUN_LIMIT' })
  })
})
