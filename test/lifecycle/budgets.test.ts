/** The phases' budgets, each on the injected clock: within it the platform's faults are tried again, past it: ERROR. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { retryDelay, SAVE_RETRY_FOR_SECONDS, SAVE_RETRY_SECONDS } from '../../src/domain/lifecycle.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { ImageError } from '../../src/engine/port.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

const MINUTE = 60
const NEVER = Number.POSITIVE_INFINITY
const SILENT = 'The container engine does not answer.'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

const row = (id: string) => w.database.notebook.findUniqueOrThrow({ where: { id } })

/** A notebook whose engine is gone from the moment at which it is asked for `call`. Time stands still from there. */
async function engineGoneAt(call: 'ping' | 'imageIsThere'): Promise<string> {
  const hold = w.daemon.faults.hold(call)
  w.control()
  const { id } = await w.notebook()
  await hold.reached
  await w.clock.hold()
  w.daemon.faults.refuse(NEVER)
  hold.release()
  await w.until(id, ({ attempts }) => attempts === 1)
  return id
}

const tried = (id: string, more: number) => w.until(id, ({ attempts }) => attempts >= more)

describe('a fault of the platform is tried again after 1 s … 60 s with jitter, and the message says so', () => {
  test('later each time, and at the very time', async () => {
    const id = await engineGoneAt('ping')
    for (const attempt of [1, 2, 3]) {
      const { retryAt, message } = await tried(id, attempt)
      expect(message).toBe(`${SILENT} Trying again (${attempt}).`)
      const wait = (retryAt?.getTime() ?? 0) - w.clock.now().getTime()
      expect(wait).toBe(retryDelay(attempt, w.clock.chance))
      await w.untilQuietly(id, ({ leaseOwner }) => leaseOwner === null)
      await w.clock.advance(wait / 1000)
    }
    await tried(id, 4)
    w.daemon.faults.refuse(0)
    await w.clock.advance(MINUTE)
    expect(await w.until(id, isRunning)).toMatchObject({ attempts: 0, message: null })
  })
})

describe('past its budget a start ends in ERROR', () => {
  test('ALLOCATING: 60 s', async () => {
    const id = await engineGoneAt('ping')
    await w.clock.advance(59)
    expect(await tried(id, 2)).toMatchObject({ state: 'STARTING', phase: 'ALLOCATING' })
    await w.clock.advance(MINUTE)
    await w.until(id, ({ state }) => state === 'STOPPING')
    w.daemon.faults.refuse(0)
    await w.clock.advance(MINUTE)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM', message: SILENT })
    await w.expectNothingLeft()
  })

  test('PULLING_IMAGE: 30 min of failed tries', async () => {
    w.daemon.images.forget('jupyterlab-python')
    w.daemon.images.build = () => Promise.reject(new ImageError('No space left.'))
    w.control()
    const { id } = await w.notebook()
    await tried(id, 1)
    await w.clock.hold()
    await w.clock.advance(29 * MINUTE)
    expect(await tried(id, 2)).toMatchObject({ state: 'STARTING', message: 'No space left. Trying again (2).' })
    await w.clock.advance(2 * MINUTE)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'IMAGE', message: 'No space left.' })
    await w.expectNothingLeft()
  })

  /** An image that is built for ever; answers its voice. */
  async function building(): Promise<{ id: string; say: (message: string) => Promise<unknown> }> {
    w.daemon.images.forget('jupyterlab-python')
    const voice = Promise.withResolvers<(message: string) => void>()
    w.daemon.images.build = (_, report) => {
      voice.resolve((message) => report({ message, bytesDone: null, bytesTotal: null }))
      return Promise.withResolvers<void>().promise
    }
    // The voice is of this one try: a busy machine that lets the lease run out would begin another.
    w.parts.leaseSeconds = 60
    w.control()
    const { id } = await w.notebook()
    const speak = await voice.promise
    await w.clock.hold()
    return {
      id,
      say(message) {
        speak(message)
        return w.until(id, (notebook) => notebook.message === message)
      },
    }
  }

  test('PULLING_IMAGE: 5 min without progress', async () => {
    const { id, say } = await building()
    await w.clock.advance(4 * MINUTE)
    await say('Step 1')
    await w.clock.advance(4 * MINUTE)
    await say('Step 2')
    await w.clock.advance(5 * MINUTE)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({
      state: 'ERROR',
      reason: 'IMAGE',
      message: 'The image made no progress any more.',
    })
  })

  test('PULLING_IMAGE: 30 min in all, whatever the progress', async () => {
    const { id, say } = await building()
    for (let step = 1; step <= 7; step += 1) {
      await w.clock.advance(4 * MINUTE)
      await say(`Step ${step}`)
    }
    // And a moment: the phase began a little before the image.
    await w.clock.advance(2 * MINUTE + 1)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({
      state: 'ERROR',
      reason: 'IMAGE',
      message: 'The image could not be made in its time.',
    })
  })

  test('STARTING_CONTAINER: 120 s until the editor answers', async () => {
    w.editor.isReady = false
    w.control()
    const { id } = await w.notebook()
    await w.untilQuietly(id, () => w.containers().some(({ state, spec }) => state === 'running' && spec.port !== null))
    await w.clock.advance(119)
    expect(await row(id)).toMatchObject({ state: 'STARTING', phase: 'STARTING_CONTAINER' })
    await w.clock.advance(2)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(failed.message).toBe('The editor did not answer within its time after the container had started.')
    await w.expectNothingLeft()
  })
})

describe('where data moves there is no total, but 15 min without a byte', () => {
  /** Movers of that direction that never end; each tells its voice. */
  function moving(direction: 'pull' | 'push') {
    const voice = Promise.withResolvers<(bytesDone: number) => void>()
    w.daemon.programs.mover = moverThat((_, plan, report) => {
      if (plan.direction !== direction) return {}
      voice.resolve((bytesDone) => report({ stage: 'moving', bytesDone }))
      return Promise.withResolvers<object>().promise
    })
    return voice.promise
  }

  const bytes = (count: number) =>
    w.untilTrue(async () => (await w.database.dataSync.count({ where: { bytesDone: count } })) > 0)

  test('PULLING_DATA goes on for hours while bytes move, and ends in ERROR 15 min after the last', async () => {
    const voice = moving('pull')
    w.control()
    const { id } = await w.notebook()
    const move = await voice
    await w.untilTrue(async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await w.clock.hold()
    for (let count = 1; count <= 6; count += 1) {
      await w.clock.advance(14 * MINUTE)
      move(count)
      await bytes(count)
    }
    expect(await row(id)).toMatchObject({ state: 'STARTING', phase: 'PULLING_DATA', attempts: 0 })
    await w.clock.advance(15 * MINUTE + 1)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    await w.expectNothingLeft()
  })

  test('a restart of the control plane does not begin the 15 min anew', async () => {
    const voice = moving('pull')
    const first = w.control()
    const { id } = await w.notebook()
    const move = await voice
    move(1)
    await bytes(1)
    await w.clock.hold()
    await w.clock.advance(14 * MINUTE)
    await first.stop()
    const follows = w.daemon.faults.hold('lines')
    w.control()
    await follows.reached
    follows.release()
    await w.clock.advance(MINUTE + 1)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
  })

  test.each([
    ['SAVING_WORKSPACE', 'workspace'],
    ['PUSHING_DATA', 'volume'],
  ] as const)('%s ends in ERROR, with the local copy kept', async (phase, kind) => {
    w.control()
    const id = await w.running(['RW'])
    w.daemon.programs.mover = moverThat((target, _, report) => {
      if (target.kind !== kind) return {}
      report({ stage: 'moving', bytesDone: 1 })
      return Promise.withResolvers<object>().promise
    })
    await w.wish(id, stop)
    await bytes(1)
    expect(await row(id)).toMatchObject({ state: 'STOPPING', phase })
    await w.clock.hold()
    await w.clock.advance(15 * MINUTE + 1)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(await w.database.localCopy.count({ where: { written: true } })).toBe(1)
  })
})

describe('on the way down', () => {
  test('STOPPING_CONTAINER: SIGTERM, 30 s grace, SIGKILL; one that ignores SIGTERM is saved all the same', async () => {
    w.daemon.programs.notebook = (process) => {
      process.exitOnTerm = null
      return Promise.withResolvers<{ code: number; oomKilled: boolean }>().promise
    }
    w.control()
    const id = await w.running()
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
    expect(await w.transitions(id)).toContain('SAVING_WORKSPACE')
  })

  test('STOPPING_CONTAINER: an engine that does not answer is waited for, and nothing is given up', async () => {
    w.control()
    const id = await w.running()
    const hold = w.daemon.faults.hold('stop')
    await w.wish(id, stop)
    await hold.reached
    await w.clock.hold()
    w.daemon.faults.refuse(NEVER)
    hold.release()
    await w.until(id, ({ message }) => message === `${SILENT} Trying again (1).`)
    await w.clock.advance(3600)
    expect(await tried(id, 2)).toMatchObject({ state: 'STOPPING', phase: 'STOPPING_CONTAINER', reason: 'USER' })
    w.daemon.faults.refuse(0)
    await w.clock.advance(MINUTE)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
    await w.expectNothingLeft()
  })

  test('REMOVING: 10 min, then ERROR, and it is not wished deleted any more', async () => {
    w.control()
    const id = await w.running()
    await w.wish(id, stop)
    await w.until(id, isSettled)
    await w.database.localCopy.create({
      data: { notebookId: id, target: 'workspace', nodeId: w.engine.nodeId, engineVolume: 'left' },
    })
    w.daemon.faults.refuse(NEVER)
    await w.clock.hold()
    await w.wish(id, { desired: 'DELETED', desiredReason: 'USER' })
    expect(await tried(id, 1)).toMatchObject({ state: 'DELETING', phase: 'REMOVING' })
    await w.clock.advance(9 * MINUTE)
    expect(await tried(id, 2)).toMatchObject({ state: 'DELETING', message: `${SILENT} Trying again (2).` })
    await w.clock.advance(2 * MINUTE)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM', desired: 'STOPPED' })
  })
})

test('a save that failed is tried again by itself every 10 min for 24 h, and then no more', async () => {
  w.control()
  const id = await w.running()
  w.daemon.programs.mover = moverThat((_, { direction }) =>
    direction === 'push' ? { state: 'failed', error: { kind: 'data', message: 'No.' } } : {},
  )
  await w.wish(id, stop)
  await w.until(id, isSettled)
  await w.clock.hold()
  const pushes = () => w.database.dataSync.count({ where: { direction: 'PUSH' } })
  const atRest = () => w.untilQuietly(id, ({ leaseOwner, state }) => leaseOwner === null && isSettled({ state }))
  const { phaseStartedAt, stoppedAt } = await atRest()
  expect(await pushes()).toBe(1)

  const jump = (to: number) => w.clock.advance((to - w.clock.now().getTime()) / 1000)
  await jump(phaseStartedAt.getTime() + SAVE_RETRY_SECONDS * 1000 - 1)
  await w.wake(id)
  await atRest()
  expect(await pushes()).toBe(1)
  await w.clock.advance(0.001)
  await w.untilTrue(async () => (await pushes()) === 2)
  await atRest()

  await jump((stoppedAt?.getTime() ?? 0) + SAVE_RETRY_FOR_SECONDS * 1000)
  await w.untilTrue(async () => (await pushes()) === 3)
  await w.untilQuietly(id, ({ leaseOwner, dueAt }) => leaseOwner === null && dueAt === null)
  expect(await row(id)).toMatchObject({ state: 'ERROR' })
})
