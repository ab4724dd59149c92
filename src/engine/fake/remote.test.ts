import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS, interpreter } from '../../../test/engine/contract/fake-programs.ts'
import { describeEngineContract } from '../../../test/engine/contract.ts'
import { type ContainerEngine, EngineUnavailableError, ImageError } from '../port.ts'
import { FakeControl } from './control.ts'
import { FakeDaemon } from './daemon.ts'
import { startFakeEditor } from './editor.ts'
import { connectFakeControl, connectFakeEngine } from './remote.ts'
import { serveFakeDaemon } from './server.ts'

const NEVER = new AbortController().signal

/** A daemon of one's own behind a socket of one's own. */
async function served(daemon: FakeDaemon) {
  const folder = await mkdtemp(join(tmpdir(), 'fake-'))
  const socketPath = join(folder, 's')
  const editor = await startFakeEditor()
  daemon.address = editor.address
  const server = await serveFakeDaemon(daemon, new FakeControl(daemon, editor), socketPath)
  return {
    engineOf: (installation: string) => connectFakeEngine({ socketPath, installation, nodeId: 'node' }),
    control: connectFakeControl(socketPath),
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await editor[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

const specOf = (installation: string) => ({
  identity: { installation, notebook: 'n', generation: 1, role: 'notebook' as const },
  image: 'jupyter',
  command: null,
  env: {},
  user: '42420:42420',
  cpus: 1,
  memoryBytes: 2 ** 30,
  shmBytes: null,
  network: 'notebooks' as const,
  mounts: [{ volume: 'v', path: '/workspace', readOnly: false }],
  port: 8888,
  stdin: false,
  readOnlyRoot: false,
})

describeEngineContract('the fake behind a socket', async () => {
  const daemon = new FakeDaemon({ now: () => new Date(), images: ['mover'] })
  daemon.programs = { mover: interpreter, notebook: interpreter }
  const behind = await served(daemon)
  const installation = randomUUID()
  const neighbourInstallation = randomUUID()
  return {
    engine: behind.engineOf(installation),
    installation,
    neighbour: behind.engineOf(neighbourInstallation),
    neighbourInstallation,
    image: 'mover',
    commands: COMMANDS,
    [Symbol.asyncDispose]: () => behind[Symbol.asyncDispose](),
  }
})

async function running(engine: ContainerEngine): Promise<string> {
  const id = await engine.create(specOf('i'))
  await engine.start(id)
  return id
}

test('a daemon that is gone, or was never there, is an engine that is not available', async () => {
  const missing = connectFakeEngine({ socketPath: '/nowhere/s', installation: 'i', nodeId: 'node' })
  await expect(missing.ping()).rejects.toBeInstanceOf(EngineUnavailableError)

  const behind = await served(new FakeDaemon({ now: () => new Date(), images: ['jupyter'] }))
  const engine = behind.engineOf('i')
  const lines = engine.lines(await running(engine), NEVER)[Symbol.asyncIterator]()
  const next = lines.next()
  const event = engine.events(NEVER)[Symbol.asyncIterator]().next()
  await Promise.all([
    expect(next).rejects.toBeInstanceOf(EngineUnavailableError),
    expect(event).rejects.toBeInstanceOf(EngineUnavailableError),
    behind[Symbol.asyncDispose](),
  ])
  await expect(engine.inspect('fake-1')).rejects.toBeInstanceOf(EngineUnavailableError)
})

test('a build tells its progress, and fails by its name', async () => {
  await using behind = await served(new FakeDaemon({ now: () => new Date(), images: [] }))
  const engine = behind.engineOf('i')
  const messages: string[] = []
  await behind.control.setBuilds('No space left.')
  await expect(engine.provideImage('jupyter', ({ message }) => messages.push(message), NEVER)).rejects.toThrow(
    new ImageError('No space left.'),
  )
  expect(messages).toEqual(['Building jupyter'])
  await behind.control.setBuilds(null)
  await engine.provideImage('jupyter', () => undefined, NEVER)
  expect(await engine.imageIsThere('jupyter')).toBe(true)
})

test('a build that nobody waits for any more is given up with the reason', async () => {
  const daemon = new FakeDaemon({ now: () => new Date(), images: [] })
  const reached = Promise.withResolvers<void>()
  daemon.images.build = () => {
    reached.resolve()
    return Promise.withResolvers<void>().promise
  }
  await using behind = await served(daemon)
  const abort = new AbortController()
  const build = behind.engineOf('i').provideImage('jupyter', () => undefined, abort.signal)
  await reached.promise
  abort.abort(new Error('enough'))
  await expect(build).rejects.toThrow('enough')
})

test('a test of another process reads and breaks what it likes', async () => {
  const daemon = new FakeDaemon({ now: () => new Date(), images: ['jupyter'] })
  daemon.programs = daemon.workPrograms()
  await using behind = await served(daemon)
  const { control } = behind
  const engine = behind.engineOf('i')
  const id = await running(engine)
  const [container] = await control.containers('i')
  expect(container).toMatchObject({ id, state: 'running', spec: { image: 'jupyter' } })
  expect(container?.createdAt).toBeInstanceOf(Date)
  expect([...((await control.volumes()).get('v')?.keys() ?? [])]).toContain('first-1.txt')

  await control.hold('stop')
  const stopping = engine.stop(id, 30)
  await control.reached('stop')
  await control.release('stop')
  await stopping
  expect((await control.history('i')).map(({ what }) => what)).toEqual(['created', 'started', 'ended'])

  await control.refuse(1)
  await expect(engine.ping()).rejects.toBeInstanceOf(EngineUnavailableError)
})

test('an engine that crashes answers nothing; back again, it reports its own boot as the end of what ran', async () => {
  await using behind = await served(new FakeDaemon({ now: () => new Date(), images: ['jupyter'] }))
  const engine = behind.engineOf('i')
  const id = await running(engine)
  const lines = engine.lines(id, NEVER)[Symbol.asyncIterator]().next()
  // Lines are followed once the call was answered, which the next answer shows.
  await engine.ping()
  await Promise.all([expect(lines).rejects.toBeInstanceOf(EngineUnavailableError), behind.control.crash()])
  await expect(engine.inspect(id)).rejects.toBeInstanceOf(EngineUnavailableError)
  await behind.control.recover()
  expect(await engine.inspect(id)).toMatchObject({ state: 'exited', exitCode: 255 })
})
