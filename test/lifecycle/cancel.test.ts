/** Stop is accepted at any moment, also in STARTING, and always ends. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

describe('stop is accepted at any moment of STARTING and ends it', () => {
  async function cancelled(id: string) {
    await w.wish(id, stop)
    const notebook = await w.until(id, isSettled)
    expect(notebook).toMatchObject({ state: 'STOPPED', reason: 'USER', heldMilliCpus: 0 })
    expect(await w.periods(id)).toEqual([])
    return notebook
  }

  test('in QUEUED', async () => {
    await w.resize({ cpus: 0 })
    w.control()
    const { id } = await w.notebook()
    await w.until(id, ({ message }) => message !== null)
    await cancelled(id)
    await w.expectNothingLeft()
  })

  test('in PULLING_DATA, by stopping the mover; nothing is pushed', async () => {
    w.daemon.programs.mover = moverThat(() => Promise.withResolvers<object>().promise)
    w.control()
    const { id } = await w.notebook(['RW'])
    await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await cancelled(id)
    expect(await w.transitions(id)).not.toContain('SAVING_WORKSPACE')
    expect(await w.database.dataSync.findMany({ select: { state: true } })).toEqual([
      { state: 'CANCELLED' },
      { state: 'CANCELLED' },
    ])
    await w.expectNothingLeft()
  })

  test('in PULLING_IMAGE', async () => {
    w.daemon.images.forget('jupyterlab-python')
    const reached = Promise.withResolvers<void>()
    w.daemon.images.build = () => {
      reached.resolve()
      return Promise.withResolvers<void>().promise
    }
    w.control()
    const { id } = await w.notebook()
    await reached.promise
    await cancelled(id)
    await w.expectNothingLeft()
  })

  test('in STARTING_CONTAINER, and saves what the container may have written', async () => {
    w.editor.isReady = false
    w.control()
    const { id } = await w.notebook()
    await w.untilQuietly(id, () => w.containers().some(({ state, spec }) => state === 'running' && spec.port !== null))
    await cancelled(id)
    expect(await w.transitions(id)).toContain('SAVING_WORKSPACE')
    await w.expectNothingLeft()
  })
})
