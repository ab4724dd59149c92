import { expect, test } from 'vitest'
import { type ContainerSpec, EngineUnavailableError, ImageError, NameTakenError } from '../port.ts'
import type { Exit } from './container.ts'
import { FakeDaemon } from './daemon.ts'
import { startFakeEditor } from './editor.ts'
import { createFakeEngine } from './engine.ts'

const NEVER = new AbortController().signal
const NOON = new Date('2026-03-01T12:00:00Z')

const SPEC: ContainerSpec = {
  identity: { installation: 'i', notebook: 'n', generation: 1, role: 'notebook' },
  image: 'jupyter',
  command: null,
  env: {},
  user: '42420:42420',
  cpus: 1,
  memoryBytes: 2 ** 30,
  shmBytes: null,
  network: 'notebooks',
  mounts: [],
  port: 8888,
  stdin: false,
  readOnlyRoot: false,
}

function world() {
  const clock = { now: NOON }
  const daemon = new FakeDaemon({ now: () => clock.now, images: ['jupyter'] })
  return { clock, daemon, engine: engineOn(daemon) }
}

function engineOn(daemon: FakeDaemon) {
  return createFakeEngine({ daemon, installation: 'i', nodeId: 'node' })
}

async function running({ engine }: ReturnType<typeof world>): Promise<string> {
  const id = await engine.create(SPEC)
  await engine.start(id)
  return id
}

test('containers outlive the control plane that made them', async () => {
  const before = world()
  const id = await running(before)
  expect(await engineOn(before.daemon).inspect(id)).toMatchObject({ state: 'running', startedAt: NOON })
})

test('a notebook runs until it is stopped, and ends well', async () => {
  const { clock, daemon, engine } = world()
  const id = await running({ clock, daemon, engine })
  clock.now = new Date(NOON.getTime() + 60_000)
  await engine.stop(id, 30)
  expect(await engine.inspect(id)).toMatchObject({ exitCode: 0, startedAt: NOON, finishedAt: clock.now })
})

test('a running notebook answers where the test says', async () => {
  await using editor = await startFakeEditor()
  const { daemon, engine } = world()
  daemon.address = editor.address
  const id = await running({ clock: { now: NOON }, daemon, engine })
  const address = (await engine.inspect(id))?.address
  expect((await fetch(`http://${address?.host}:${address?.port}/api`)).status).toBe(200)
  editor.isReady = false
  expect((await fetch(`http://${address?.host}:${address?.port}/api`)).status).toBe(503)
})

test('an engine that is unavailable for two calls does nothing in them', async () => {
  const { daemon, engine } = world()
  daemon.faults.refuse(2)
  await expect(engine.create(SPEC)).rejects.toBeInstanceOf(EngineUnavailableError)
  await expect(engine.ping()).rejects.toBeInstanceOf(EngineUnavailableError)
  expect(await engine.list()).toEqual([])
})

test('an answer that is lost leaves its effect', async () => {
  const { daemon, engine } = world()
  daemon.faults.loseAnswer('create')
  await expect(engine.create(SPEC)).rejects.toBeInstanceOf(EngineUnavailableError)
  await expect(engine.create(SPEC)).rejects.toBeInstanceOf(NameTakenError)
  const id = await engine.find(SPEC.identity)
  expect(await engine.inspect(id ?? '')).toMatchObject({ state: 'created' })
})

test('a slow call waits until it is released, and holds up no other', async () => {
  const { daemon, engine } = world()
  const id = await engine.create(SPEC)
  const hold = daemon.faults.hold('start')
  const starting = engine.start(id)
  await hold.reached
  expect(await engine.inspect(id)).toMatchObject({ state: 'created' })
  hold.release()
  await starting
  expect(await engine.inspect(id)).toMatchObject({ state: 'running' })
})

test('a container ends by itself as the test says', async () => {
  const all = world()
  const id = await running(all)
  all.daemon.end(id, { code: 137, oomKilled: true })
  expect(await all.engine.inspect(id)).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: true })
})

test('a container that is removed from outside is gone, and so are its lines', async () => {
  const all = world()
  const id = await running(all)
  const lines = all.engine.lines(id, NEVER)[Symbol.asyncIterator]().next()
  all.daemon.remove(id)
  expect((await lines).done).toBe(true)
  expect(await all.engine.inspect(id)).toBeNull()
})

test('a process that was killed writes nothing any more', async () => {
  const { daemon, engine } = world()
  const late = Promise.withResolvers<Exit>()
  daemon.programs.notebook = async (process) => {
    const exit = await late.promise
    process.print('too late')
    return exit
  }
  const id = await engine.create(SPEC)
  await engine.start(id)
  daemon.end(id, { code: 137, oomKilled: false })
  late.resolve({ code: 0, oomKilled: false })
  await late.promise
  expect(await engine.logTail(id, 10)).toEqual([])
  expect(await engine.inspect(id)).toMatchObject({ exitCode: 137 })
})

test('a program that throws ends with code 1 and says why', async () => {
  const { daemon, engine } = world()
  daemon.programs.notebook = () => {
    throw new Error('no config')
  }
  const id = await engine.create(SPEC)
  await engine.start(id)
  for await (const line of engine.lines(id, NEVER)) expect(line).toBe('never printed')
  expect(await engine.inspect(id)).toMatchObject({ exitCode: 1 })
  expect(await engine.logTail(id, 1)).toEqual(['Error: no config'])
})

test('lost events are not heard of, later ones are', async () => {
  const { daemon, engine } = world()
  const abort = new AbortController()
  const events = engine.events(abort.signal)[Symbol.asyncIterator]()
  const heard = events.next()
  await engine.ping()
  daemon.loseEvents(1)
  const id = await engine.create(SPEC)
  await engine.start(id)
  await engine.stop(id, 1)
  expect((await heard).value).toEqual({ containerId: id, notebook: 'n', action: 'ended' })
})

test('streams that break throw', async () => {
  const all = world()
  const id = await running(all)
  const lines = all.engine.lines(id, NEVER)[Symbol.asyncIterator]().next()
  const events = all.engine.events(NEVER)[Symbol.asyncIterator]().next()
  await all.engine.ping()
  all.daemon.breakStreams()
  await expect(lines).rejects.toBeInstanceOf(EngineUnavailableError)
  await expect(events).rejects.toBeInstanceOf(EngineUnavailableError)
})

test('an image is built once for all who ask, and one who gives up does not end it', async () => {
  const { daemon, engine } = world()
  daemon.images.forget('jupyter')
  await expect(engine.create(SPEC)).rejects.toBeInstanceOf(ImageError)
  const built = Promise.withResolvers<void>()
  let builds = 0
  daemon.images.build = async (image, report) => {
    builds += 1
    report({ message: `Building ${image}`, bytesDone: null, bytesTotal: null })
    await built.promise
  }
  const messages: string[] = []
  const impatient = new AbortController()
  const patience = engine.provideImage('jupyter', ({ message }) => messages.push(message), NEVER)
  const impatience = engine.provideImage('jupyter', ({ message }) => messages.push(message), impatient.signal)
  const gaveUp = expect(impatience).rejects.toThrow('enough')
  await engine.ping()
  impatient.abort(new Error('enough'))
  await gaveUp
  expect(await engine.imageIsThere('jupyter')).toBe(false)
  built.resolve()
  await patience
  expect(await engine.imageIsThere('jupyter')).toBe(true)
  expect({ builds, messages }).toEqual({ builds: 1, messages: ['Building jupyter', 'Building jupyter'] })
})

test('a build that fails is an image error, and can be tried again', async () => {
  const { daemon, engine } = world()
  daemon.images.forget('jupyter')
  daemon.images.build = () => Promise.reject(new ImageError('No space left on device.'))
  await expect(engine.provideImage('jupyter', () => undefined, NEVER)).rejects.toThrow('No space left')
  daemon.images.build = () => Promise.resolve()
  await engine.provideImage('jupyter', () => undefined, NEVER)
  expect(await engine.imageIsThere('jupyter')).toBe(true)
})
