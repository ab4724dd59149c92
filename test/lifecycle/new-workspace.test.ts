/** A notebook that was never saved has nothing to pull, and no mover is run for it; whoever may have something, pulls. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

const WAY_UP = ['PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER', 'RUNNING']
const NEW = () => ({ unsavedSinceEpoch: w.project.streamEpoch })
const pulls = (id: string) => w.database.dataSync.count({ where: { notebookId: id, direction: 'PULL' } })

describe('a new notebook', () => {
  test('runs no mover on its first way up, which shows every phase, and pulls once it was saved', async () => {
    w.control()
    const { id } = await w.notebook([], NEW())
    await w.until(id, isRunning)
    expect((await w.transitions(id)).slice(-WAY_UP.length)).toEqual(WAY_UP)
    expect(await pulls(id)).toBe(0)
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', unsavedSinceEpoch: null })
    await w.expectNothingLeft()
    await w.start(id)
    await w.until(id, isRunning)
    expect(await pulls(id)).toBe(1)
  })

  test('pulls when it has volumes', async () => {
    w.control()
    const { id } = await w.notebook(['RO'], NEW())
    await w.until(id, isRunning)
    expect(await pulls(id)).toBe(2)
  })

  test('pulls when the database was restored since it was made: its workspace may have been saved meanwhile', async () => {
    const { id } = await w.notebook([], NEW())
    await w.database.project.updateMany({ data: { streamEpoch: 'another' } })
    w.control()
    await w.until(id, isRunning)
    expect(await pulls(id)).toBe(1)
  })

  test('that is called off before its container was made leaves nothing behind', async () => {
    const hold = w.daemon.faults.hold('create')
    w.control()
    const { id } = await w.notebook([], NEW())
    await hold.reached
    await w.wish(id, stop)
    hold.release()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED' })
  })
})
