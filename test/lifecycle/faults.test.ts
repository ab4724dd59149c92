/** Whose fault it is: FAILED, ERROR, or another try. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFakeEngine } from '../../src/engine/fake/engine.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { ImageError } from '../../src/engine/port.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

test("a wrong key of the user's store at the start is FAILED with the volume's name, and leaves nothing", async () => {
  w.daemon.programs.mover = moverThat(({ kind }) =>
    kind === 'volume' ? { state: 'failed', error: { kind: 'data', message: 'The key is refused.' } } : {},
  )
  w.control()
  const { id } = await w.notebook(['RO'])
  const failed = await w.until(id, isSettled)
  expect(failed).toMatchObject({ state: 'FAILED', reason: 'DATA_ACCESS', heldMilliCpus: 0 })
  expect(failed.message).toBe('Volume /workspace/v0: The key is refused.')
  await w.expectNothingLeft()
})

test('a store that does not answer is tried again, and the message says so', async () => {
  let tries = 0
  w.daemon.programs.mover = moverThat(({ kind }) => {
    if (kind === 'workspace') return {}
    tries += 1
    return tries < 2 ? { state: 'failed', error: { kind: 'store', message: 'Connection refused.' } } : {}
  })
  w.control()
  const { id } = await w.notebook(['RO'])
  await w.until(id, ({ message }) => message === 'Volume /workspace/v0: Connection refused. Trying again (1).')
  await w.until(id, isRunning)
})

test('an image that cannot be built is tried again', async () => {
  w.daemon.images.forget('jupyterlab-python')
  const build = w.daemon.images.build
  w.daemon.images.build = () => Promise.reject(new ImageError('No space left.'))
  w.control()
  const { id } = await w.notebook()
  await w.until(id, ({ message }) => message === 'No space left. Trying again (1).')
  w.daemon.images.build = build
  await w.until(id, isRunning)
})

test('an engine that cannot be reached never changes a RUNNING state', async () => {
  w.control()
  const id = await w.running()
  w.daemon.faults.refuse(Number.POSITIVE_INFINITY)
  await w.wake(id)
  await w.until(id, ({ attempts }) => attempts > 0)
  expect(await w.transitions(id)).toContain('ENGINE_UNREACHABLE')
  w.daemon.faults.refuse(0)
  await w.wake(id)
  expect(await w.untilQuietly(id, ({ attempts }) => attempts === 0)).toMatchObject({ state: 'RUNNING' })
})

test('with another engine connected, what runs on the first is not taken for lost', async () => {
  const first = w.control()
  const id = await w.running(['RW'])
  await first.stop()
  w.control(createFakeEngine({ daemon: w.daemon, installation: w.installation, nodeId: 'node-2' }))
  await w.wish(id, stop)
  await w.untilQuietly(id, ({ attempts }) => attempts > 0)
  expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ state: 'RUNNING' })
  expect(await w.transitions(id)).toContain('ENGINE_UNREACHABLE')
})
