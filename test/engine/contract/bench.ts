/** The workbench of the contract's tests: an engine, and short words for making containers that do something. */
import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ContainerEngine, ContainerSpec, ContainerStatus, Identity } from '../../../src/engine/port.ts'
import { MOVER_PATHS } from '../../../src/mover/protocol.ts'

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

export const NEVER = new AbortController().signal

export interface EngineUnderTest extends AsyncDisposable {
  engine: ContainerEngine
  installation: string
  /** Another installation on the same node. */
  neighbour: ContainerEngine
  neighbourInstallation: string
  /** One that is there. */
  image: string
  commands: Commands
}

export class Bench {
  #under: EngineUnderTest | undefined

  open(under: EngineUnderTest): void {
    this.#under = under
  }

  get under(): EngineUnderTest {
    if (!this.#under) throw new Error('The engine under test is not open yet')
    return this.#under
  }

  get engine(): ContainerEngine {
    return this.under.engine
  }

  specOf(command: keyof Commands, more: Partial<ContainerSpec> = {}): ContainerSpec {
    const { installation, image, commands } = this.under
    return {
      identity: { installation, notebook: randomUUID(), generation: 1, role: 'mover' },
      image,
      command: commands[command],
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
    }
  }

  /** An identity of the other installation. */
  foreignIdentity(): Identity {
    const { neighbourInstallation } = this.under
    return { installation: neighbourInstallation, notebook: randomUUID(), generation: 1, role: 'mover' }
  }

  /** Made and started. */
  async begin(command: keyof Commands, more: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.engine.create(this.specOf(command, more))
    await this.engine.start(id)
    return id
  }

  /** Started, and so far that it printed its first line. */
  async beginReady(command: 'obeys' | 'defies', more: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.begin(command, more)
    expect(await firstOf(this.engine.lines(id, NEVER))).toBe('ready')
    return id
  }

  /** Started and ended. */
  async run(command: keyof Commands, more: Partial<ContainerSpec> = {}): Promise<string> {
    const id = await this.begin(command, more)
    await endOf(this.engine, id)
    return id
  }

  async statusOf(id: string): Promise<ContainerStatus> {
    const status = await this.engine.inspect(id)
    if (!status) throw new Error(`The container ${id} is gone`)
    return status
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}

/** The lines end with the container; its state may follow a moment later. */
export async function endOf(engine: ContainerEngine, id: string): Promise<void> {
  let state: string | undefined
  do {
    await collect(engine.lines(id, NEVER))
    state = (await engine.inspect(id))?.state
  } while (state === 'running')
}
