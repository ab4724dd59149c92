/**
 * Stop is accepted at any moment, also in STARTING, and always ends. The clock is held still when stop is wished: whatever
 * ends then has waited for no timer, only for the container's grace.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { ImageError } from '../../src/engine/port.ts'
import { isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

describe('stop is accepted at any moment of STARTING and ends it', () => {
  async function cancelled(id: string) {
    await w.clock.hold()
    await w.wish(id, stop)
    const notebook = await w.until(id, isSettled)
    expect(notebook).toMatchObject({
      state: 'STOPPED',
      reason: 'USER',
      message: 'Stopped as asked.',
      heldMilliCpus: 0,
    })
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

  test('in ALLOCATING', async () => {
    const hold = w.daemon.faults.hold('ping')
    w.control()
    const { id } = await w.notebook()
    await hold.reached
    await w.clock.hold()
    await w.wish(id, stop)
    await w.until(id, ({ state }) => state === 'STOPPING')
    hold.release()
    await cancelled(id)
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

describe('stop ends a start also', () => {
  test.each(['create', 'start', 'inspect', 'ping', 'imageIsThere', 'lines'] as const)(
    'while the engine hangs at %s: STARTING is left at once, the rest follows when the engine answers',
    async (call) => {
      w.editor.isReady = false
      if (call === 'lines') w.daemon.programs.mover = moverThat(() => Promise.withResolvers<object>().promise)
      w.control()
      const { id } = await w.notebook()
      const hold = w.daemon.faults.hold(call)
      await hold.reached
      await w.clock.hold()
      await w.wish(id, stop)
      const left = await w.until(id, ({ state }) => state !== 'STARTING')
      expect(left).toMatchObject({ state: 'STOPPING', reason: 'USER' })
      hold.release()
      expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER', heldMilliCpus: 0 })
      expect(await w.periods(id)).toEqual([])
      await w.expectNothingLeft()
    },
  )

  test('while it waits for its next try', async () => {
    w.daemon.images.forget('jupyterlab-python')
    w.daemon.images.build = () => Promise.reject(new ImageError('No space left.'))
    await w.clock.hold()
    w.control()
    const { id } = await w.notebook()
    await w.untilQuietly(id, ({ attempts, leaseOwner }) => attempts > 0 && leaseOwner === null)
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
    await w.expectNothingLeft()
  })

  test('while the engine cannot be reached: the wish is who ends it, and the engine is waited for', async () => {
    const hold = w.daemon.faults.hold('ping')
    w.control()
    const { id } = await w.notebook()
    await hold.reached
    w.daemon.faults.refuse(Number.POSITIVE_INFINITY)
    hold.release()
    await w.until(id, ({ attempts }) => attempts > 0)
    await w.clock.hold()
    await w.wish(id, stop)
    await w.until(id, ({ state, attempts }) => state === 'STOPPING' && attempts > 0)
    await w.clock.advance(3600)
    w.daemon.faults.refuse(0)
    await w.clock.advance(60)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER', heldMilliCpus: 0 })
    await w.expectNothingLeft()
  })

  test('in QUEUED without any engine', async () => {
    w.daemon.capacity = { cpus: 0, memoryBytes: 0, gpus: [] }
    await w.database.engineNode.updateMany({ data: { milliCpus: 0 } })
    w.control()
    const { id } = await w.notebook()
    await w.until(id, ({ message }) => message !== null)
    w.daemon.faults.refuse(Number.POSITIVE_INFINITY)
    await w.clock.hold()
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
  })
})

describe('stop gives a container its grace and no more', () => {
  /** A control plane whose engine notes the grace that each container is given, in seconds. */
  function noting(): Map<string, number> {
    const graces = new Map<string, number>()
    const stopped = (id: string, grace: number) => {
      graces.set(w.daemon.find(id)?.spec.identity.role ?? '', grace)
      return w.engine.stop(id, grace)
    }
    w.control({ ...w.engine, stop: stopped })
    return graces
  }

  test('2 s for a mover that is called off', async () => {
    w.daemon.programs.mover = moverThat(() => Promise.withResolvers<object>().promise)
    const graces = noting()
    const { id } = await w.notebook()
    await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await w.wish(id, stop)
    await w.until(id, isSettled)
    expect([...graces]).toEqual([['mover', 2]])
  })

  test('30 s for a notebook, also one whose editor does not answer yet', async () => {
    w.editor.isReady = false
    const graces = noting()
    const { id } = await w.notebook()
    await w.untilQuietly(id, () => w.containers().some(({ state, spec }) => state === 'running' && spec.port !== null))
    await w.wish(id, stop)
    await w.until(id, isSettled)
    expect([...graces]).toEqual([['notebook', 30]])
  })
})

describe('stop is accepted in STOPPING, too, and changes nothing there', () => {
  test.each(['stop', 'readFile', 'removeVolume'] as const)('while the engine is at %s', async (call) => {
    w.control()
    const id = await w.running(['RW'])
    const hold = w.daemon.faults.hold(call)
    await w.wish(id, stop)
    await hold.reached
    await w.wish(id, stop)
    hold.release()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
    await w.expectNothingLeft()
  })
})

test('the outcome of a pull that comes after its start was called off takes nothing back', async () => {
  w.control()
  const hold = w.daemon.faults.hold('readFile')
  const { id } = await w.notebook(['RW'])
  await hold.reached
  await w.wish(id, stop)
  await w.until(id, ({ state }) => state === 'STOPPING')
  hold.release()
  expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
  const transitions = await w.transitions(id)
  expect(transitions.slice(transitions.indexOf('STOPPING/STOPPING_CONTAINER'))).toEqual([
    'STOPPING/STOPPING_CONTAINER',
    'STOPPED',
  ])
  await w.expectNothingLeft()
})
