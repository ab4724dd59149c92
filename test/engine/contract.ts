/**
 * The rules of the engine port, as tests that every engine must pass. They speak of containers only through the port, and
 * of programs only by what they do, so that a fake and a real daemon can be held to the same.
 */
import { createHash, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type ContainerEngine,
  ContainerGoneError,
  type ContainerSpec,
  type ContainerStatus,
  type EngineEvent,
  type Identity,
  ImageError,
  NameTakenError,
} from '../../src/engine/port.ts'
import { MOVER_PATHS } from '../../src/mover/protocol.ts'

/** Commands that make a container of the engine's image do these things. */
export interface Commands {
  /** Prints the lines `SPOKEN` on stdout, then `MUTTERED` on stderr, and exits 3. */
  speaks: string[]
  /** Prints the SHA-256 of all of its stdin, in hex. */
  digests: string[]
  /** Exits 0 at once and reads nothing. */
  ends: string[]
  /** Prints "ready", runs until SIGTERM, and exits 7 then. */
  obeys: string[]
  /** Prints "ready" and ignores SIGTERM. */
  defies: string[]
  /** Takes more memory than it may, and is killed for it. */
  overeats: string[]
  /** Writes "kept" to deep/file in the volume that is mounted at `VOLUME_PATH`. */
  writes: string[]
}

export const SPOKEN = ['one', 'zwei ü', '', '{"three":3}']
export const MUTTERED = 'careful'
/** The image has this directory, and it belongs to the user that programs run as. */
export const VOLUME_PATH = MOVER_PATHS.workspace

export interface EngineUnderTest {
  engine: ContainerEngine
  installation: string
  /** Another installation on the same node. */
  neighbour: ContainerEngine
  neighbourInstallation: string
  /** One that is there. */
  image: string
  commands: Commands
}

const NEVER = new AbortController().signal

export function describeEngineContract(name: string, open: () => Promise<EngineUnderTest & AsyncDisposable>): void {
  describe(`the engine contract, kept by ${name}`, () => {
    let under: EngineUnderTest & AsyncDisposable
    let engine: ContainerEngine

    beforeAll(async () => {
      under = await open()
      engine = under.engine
    })
    afterAll(() => under[Symbol.asyncDispose]())

    const identityOf = (notebook: string): Identity => {
      return { installation: under.installation, notebook, generation: 1, role: 'mover' }
    }

    const specOf = (command: keyof Commands, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
      identity: identityOf(randomUUID()),
      image: under.image,
      command: under.commands[command],
      env: {},
      user: '42420:42420',
      cpus: 1,
      memoryBytes: 64 * 2 ** 20,
      shmBytes: null,
      network: 'data',
      mounts: [],
      port: null,
      stdin: false,
      readOnlyRoot: true,
      ...more,
    })

    const begin = async (command: keyof Commands, more: Partial<ContainerSpec> = {}): Promise<string> => {
      const id = await engine.create(specOf(command, more))
      await engine.start(id)
      return id
    }

    /** Runs a program until it printed its first line. */
    const beginReady = async (command: 'obeys' | 'defies', more: Partial<ContainerSpec> = {}): Promise<string> => {
      const id = await begin(command, more)
      expect(await firstLine(engine, id)).toBe('ready')
      return id
    }

    const run = async (command: keyof Commands, more: Partial<ContainerSpec> = {}): Promise<string> => {
      const id = await begin(command, more)
      await endOf(engine, id)
      return id
    }

    const statusOf = async (id: string): Promise<ContainerStatus> => {
      const status = await engine.inspect(id)
      if (!status) throw new Error(`The container ${id} is gone`)
      return status
    }

    test('it answers, and says what its node has', async () => {
      await engine.ping()
      await engine.prepare()
      const { cpus, memoryBytes } = await engine.capacity()
      expect(cpus).toBeGreaterThan(0)
      expect(memoryBytes).toBeGreaterThan(0)
    })

    test('a container is made inert', async () => {
      const spec = specOf('ends', { port: 8080 })
      const status = await statusOf(await engine.create(spec))
      expect(status).toMatchObject({
        identity: spec.identity,
        state: 'created',
        exitCode: null,
        oomKilled: false,
        startedAt: null,
        finishedAt: null,
        address: null,
      })
      expect(status.createdAt).toBeInstanceOf(Date)
    })

    test('there is one container of an identity, whether it is inert, runs or ended', async () => {
      const spec = specOf('speaks')
      const id = await engine.create(spec)
      await expect(engine.create(spec)).rejects.toBeInstanceOf(NameTakenError)
      await engine.start(id)
      await endOf(engine, id)
      await expect(engine.create(spec)).rejects.toBeInstanceOf(NameTakenError)
      await engine.remove(id, { force: false })
      expect(await engine.create(spec)).not.toBe(id)
    })

    test('an image that is not there is refused by name', async () => {
      await expect(engine.create(specOf('ends', { image: 'nowhere' }))).rejects.toBeInstanceOf(ImageError)
      expect(await engine.imageIsThere(under.image)).toBe(true)
    })

    test('how a container ended is kept: exit code and times', async () => {
      const { state, exitCode, oomKilled, startedAt, finishedAt, createdAt } = await statusOf(await run('speaks'))
      expect({ state, exitCode, oomKilled }).toEqual({ state: 'exited', exitCode: 3, oomKilled: false })
      expect(startedAt?.getTime()).toBeGreaterThanOrEqual(createdAt.getTime())
      expect(finishedAt?.getTime()).toBeGreaterThanOrEqual(startedAt?.getTime() ?? Number.NaN)
    })

    test('a container runs once: starting it again changes nothing, while it runs or when it ended', async () => {
      const id = await beginReady('obeys')
      const first = await statusOf(id)
      await engine.start(id)
      expect(await statusOf(id)).toEqual(first)
      await engine.stop(id, 10)
      const ended = await statusOf(id)
      await engine.start(id)
      expect(await statusOf(id)).toEqual(ended)
    })

    test('one who was overtaken cannot start what its successor removed', async () => {
      const id = await engine.create(specOf('ends'))
      await engine.remove(id, { force: false })
      await expect(engine.start(id)).rejects.toBeInstanceOf(ContainerGoneError)
      await expect(engine.start(id, 'document')).rejects.toBeInstanceOf(ContainerGoneError)
    })

    test('what is gone can be looked at, stopped and removed again', async () => {
      const id = await engine.create(specOf('ends'))
      await engine.remove(id, { force: false })
      await engine.remove(id, { force: false })
      await engine.remove(id, { force: true })
      await engine.stop(id, 1)
      expect(await engine.inspect(id)).toBeNull()
      expect(await engine.logTail(id, 10)).toEqual([])
      expect(await engine.readFile(id, '/etc/hostname')).toBeNull()
      expect(await collect(engine.lines(id, NEVER))).toEqual([])
    })

    test('a container that runs is removed only by force', async () => {
      const id = await beginReady('defies')
      await expect(engine.remove(id, { force: false })).rejects.toThrow(/running/)
      expect(await statusOf(id)).toMatchObject({ state: 'running' })
      await engine.remove(id, { force: true })
      expect(await engine.inspect(id)).toBeNull()
    })

    test('what was made but not recorded is removed by its identity, as long as it is inert', async () => {
      const spec = specOf('obeys')
      await engine.removeUnrecorded(spec.identity)
      const inert = await engine.create(spec)
      await engine.removeUnrecorded({ ...spec.identity, generation: 2 })
      await engine.removeUnrecorded({ ...spec.identity, role: 'notebook' })
      expect(await statusOf(inert)).toMatchObject({ state: 'created' })
      await engine.removeUnrecorded(spec.identity)
      expect(await engine.inspect(inert)).toBeNull()

      const running = await beginReady('obeys', { identity: spec.identity })
      await engine.removeUnrecorded(spec.identity)
      expect(await statusOf(running)).toMatchObject({ state: 'running' })
      await engine.stop(running, 10)
      await engine.removeUnrecorded(spec.identity)
      expect(await statusOf(running)).toMatchObject({ state: 'exited' })
    })

    test('a document of 1 MiB arrives whole on stdin, and ends', async () => {
      const document = 'plän '.repeat(2 ** 20 / 6)
      const id = await engine.create(specOf('digests', { stdin: true }))
      await engine.start(id, document)
      await endOf(engine, id)
      expect(await engine.logTail(id, 1)).toEqual([createHash('sha256').update(document).digest('hex')])
    })

    test('a process that ends without reading its document holds nobody up', async () => {
      const id = await engine.create(specOf('ends', { stdin: true }))
      await engine.start(id, 'x'.repeat(2 ** 20))
      await endOf(engine, id)
      expect(await statusOf(id)).toMatchObject({ exitCode: 0 })
    })

    test('lines are those of stdout from the start on, for those who follow and those who come late', async () => {
      const id = await begin('speaks')
      expect(await collect(engine.lines(id, NEVER))).toEqual(SPOKEN)
      await endOf(engine, id)
      expect(await collect(engine.lines(id, NEVER))).toEqual(SPOKEN)
    })

    test('lines end on abort, and when the container is removed', async () => {
      const id = await beginReady('defies')
      const abort = new AbortController()
      const aborted = engine.lines(id, abort.signal)[Symbol.asyncIterator]()
      const removed = engine.lines(id, NEVER)[Symbol.asyncIterator]()
      expect((await aborted.next()).value).toBe('ready')
      expect((await removed.next()).value).toBe('ready')
      abort.abort()
      expect((await aborted.next()).done).toBe(true)
      await engine.remove(id, { force: true })
      expect((await removed.next()).done).toBe(true)
    })

    test('the end of the log has both streams', async () => {
      const id = await run('speaks')
      const log = await engine.logTail(id, 100)
      expect(log.filter((line) => line !== MUTTERED)).toEqual(SPOKEN)
      expect(log).toContain(MUTTERED)
      expect(await engine.logTail(id, 2)).toEqual(log.slice(-2))
    })

    test('stop asks first: a process that listens ends by itself', async () => {
      const id = await beginReady('obeys')
      await engine.stop(id, 30)
      expect(await statusOf(id)).toMatchObject({ state: 'exited', exitCode: 7 })
      await engine.stop(id, 30)
    })

    test('stop ends also a process that does not listen', async () => {
      const id = await beginReady('defies')
      await engine.stop(id, 1)
      expect(await statusOf(id)).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: false })
    })

    test('stopping an inert container leaves it inert', async () => {
      const id = await engine.create(specOf('ends'))
      await engine.stop(id, 1)
      expect(await statusOf(id)).toMatchObject({ state: 'created' })
    })

    test('a container killed for its memory says so', async () => {
      const status = await statusOf(await run('overeats'))
      expect(status).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: true })
    })

    test('a file in a volume is read from the ended container, and outlives it', async () => {
      const mounts = [{ volume: `contract-${randomUUID()}`, path: VOLUME_PATH, readOnly: false }]
      const writer = await run('writes', { mounts })
      expect((await engine.readFile(writer, `${VOLUME_PATH}/deep/file`))?.toString()).toBe('kept')
      expect(await engine.readFile(writer, `${VOLUME_PATH}/deep/other`)).toBeNull()
      expect(await engine.readFile(writer, `${VOLUME_PATH}/deep`)).toBeNull()
      await engine.remove(writer, { force: false })
      const heir = await run('ends', { mounts })
      expect((await engine.readFile(heir, `${VOLUME_PATH}/deep/file`))?.toString()).toBe('kept')
    })

    test('a volume goes when it is told to, and not while a container has it', async () => {
      const volume = `contract-${randomUUID()}`
      expect(await engine.volumeIsThere(volume)).toBe(false)
      const id = await engine.create(specOf('ends', { mounts: [{ volume, path: VOLUME_PATH, readOnly: false }] }))
      expect(await engine.volumeIsThere(volume)).toBe(true)
      await expect(engine.removeVolume(volume)).rejects.toThrow()
      await engine.remove(id, { force: false })
      await engine.removeVolume(volume)
      await engine.removeVolume(volume)
      expect(await engine.volumeIsThere(volume)).toBe(false)
    })

    test('a published port has an address as long as the container runs', async () => {
      const id = await beginReady('obeys', { port: 8080, network: 'notebooks' })
      expect((await statusOf(id)).address).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
      await engine.stop(id, 10)
      expect((await statusOf(id)).address).toBeNull()
    })

    test('the list has all of this installation and nothing of another', async () => {
      const inert = await engine.create(specOf('ends'))
      const running = await beginReady('obeys', { port: 8080 })
      const ended = await run('speaks')
      const theirs = await under.neighbour.create({
        ...specOf('ends'),
        identity: { ...identityOf(randomUUID()), installation: under.neighbourInstallation },
      })
      const listed = new Map((await engine.list()).map((status) => [status.id, status]))
      expect(listed.has(theirs)).toBe(false)
      expect(listed.get(inert)).toMatchObject({ state: 'created', exitCode: null })
      expect(listed.get(ended)).toEqual(await engine.inspect(ended))
      const { identity, address } = await statusOf(running)
      expect(listed.get(running)).toMatchObject({ identity, address, state: 'running', startedAt: null })
      await engine.remove(running, { force: true })
      const later = await engine.list()
      expect(later.map(({ id }) => id)).not.toContain(running)
    })

    test('events tell of this installation’s containers, in order, until they are no longer wanted', async () => {
      const abort = new AbortController()
      const events = engine.events(abort.signal)[Symbol.asyncIterator]()
      const first = await firstEvent(events, () => run('ends'))
      expect(first.action).toBe('started')

      const { identity, ...spec } = specOf('ends')
      const theirs = await under.neighbour.create({
        ...spec,
        identity: { ...identity, installation: under.neighbourInstallation },
      })
      await under.neighbour.start(theirs)
      await endOf(under.neighbour, theirs)
      const id = await run('ends', { identity })
      await engine.remove(id, { force: false })
      const seen: EngineEvent[] = []
      while (seen.at(-1)?.action !== 'removed') {
        const { value } = await events.next()
        expect(value.containerId).not.toBe(theirs)
        if (value.containerId === id) seen.push(value)
      }
      expect(seen).toEqual(
        ['started', 'ended', 'removed'].map((action) => ({ containerId: id, notebook: identity.notebook, action })),
      )
      abort.abort()
      expect((await events.next()).done).toBe(true)
    })

    test('many containers at once do not get in each other’s way', async () => {
      const ids = await Promise.all(Array.from({ length: 6 }, () => run('speaks')))
      const statuses = await Promise.all(ids.map(statusOf))
      expect(statuses.map(({ exitCode }) => exitCode)).toEqual(ids.map(() => 3))
      await Promise.all(ids.map((id) => engine.remove(id, { force: false })))
    })
  })
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

async function firstLine(engine: ContainerEngine, id: string): Promise<string | undefined> {
  for await (const line of engine.lines(id, NEVER)) return line
  return undefined
}

/** The lines end with the container; its state may follow a moment later. */
async function endOf(engine: ContainerEngine, id: string): Promise<void> {
  let state: string | undefined
  do {
    await collect(engine.lines(id, NEVER))
    state = (await engine.inspect(id))?.state
  } while (state === 'running')
}

/** Nobody can tell when a subscription has begun, so something is made to happen until it is heard of. */
async function firstEvent(
  events: AsyncIterator<EngineEvent>,
  makeSomethingHappen: () => Promise<unknown>,
): Promise<EngineEvent> {
  let heard: EngineEvent | undefined
  const hearing = events.next().then(({ value }) => {
    heard = value
  })
  while (!heard) await makeSomethingHappen()
  await hearing
  return heard
}
