/**
 * A fake container: a state machine from inert to running to ended, around a program that is a function. It ends when its
 * program does, or when it is told to; what the program does after that has no effect, as with a process that was killed.
 */
import { type ContainerSpec, type ContainerStatus, type EngineEvent, EngineUnavailableError } from '../port.ts'
import { ContainerFiles, type FakeVolume } from './files.ts'
import { closeOnAbort, Inbox } from './inbox.ts'

export interface Exit {
  /** Null: somebody is removing it. */
  code: number | null
  oomKilled: boolean
}

/** What a program sees of its container. */
export interface FakeProcess {
  readonly spec: ContainerSpec
  /** The document it was started with; null when there was none. */
  readonly stdin: string | null
  now(): Date
  /** Exit code on SIGTERM; null: the process ignores it. */
  exitOnTerm: number | null
  /** What it still does on SIGTERM before it exits. */
  atTerm: () => void
  /** False once it was killed: from then on nothing it does has an effect, and it must not act on the world outside. */
  isAlive(): boolean
  print(line: string): void
  printError(line: string): void
  /** Null when there is no such file. */
  read(path: string): Buffer | null
  /** Paths of the files below a directory, without those of volumes mounted inside it. */
  list(directory: string): string[]
  /** Throws on a read-only file system. */
  write(path: string, content: string | Buffer): void
  /** Throws on a read-only file system. */
  remove(path: string): void
}

/** Returns how it ends. One that throws ends with code 1 and the error in its log. */
export type Program = (process: FakeProcess) => Promise<Exit> | Exit

const SIGKILL_CODE = 137
const SIGTERM_CODE = 143
const FAILURE_CODE = 1

export interface FakeContainerParts {
  id: string
  spec: ContainerSpec
  now: () => Date
  volumeOf: (name: string) => FakeVolume
  announce: (action: EngineEvent['action']) => void
}

export class FakeContainer {
  readonly id: string
  readonly spec: ContainerSpec
  readonly files: ContainerFiles
  readonly #parts: FakeContainerParts
  readonly #createdAt: Date
  readonly #log: { stream: 'stdout' | 'stderr'; line: string }[] = []
  readonly #followers = new Set<Inbox<string>>()
  #process: FakeProcess | null = null
  #startedAt: Date | null = null
  #finishedAt: Date | null = null
  #exit: Exit | null = null
  #crashed = false

  constructor(parts: FakeContainerParts) {
    this.id = parts.id
    this.spec = parts.spec
    this.files = new ContainerFiles(parts.spec, parts.volumeOf)
    this.#parts = parts
    this.#createdAt = parts.now()
  }

  get state(): ContainerStatus['state'] {
    if (!this.#startedAt) return 'created'
    return this.#exit ? 'exited' : 'running'
  }

  status(address: ContainerStatus['address']): ContainerStatus {
    return {
      id: this.id,
      identity: this.spec.identity,
      state: this.state,
      exitCode: this.#exit?.code ?? null,
      oomKilled: this.#exit?.oomKilled ?? false,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      createdAt: this.#createdAt,
      address: this.state === 'running' && this.spec.port !== null ? address : null,
    }
  }

  /** Leaves one that runs or ended as it is. */
  start(program: Program, stdin: string | null): void {
    if (this.state !== 'created') return
    const process = this.#makeProcess(stdin)
    this.#process = process
    this.#startedAt = this.#parts.now()
    this.#parts.announce('started')
    const exits = (exit: Exit) => {
      if (this.#isAlive()) this.end(exit)
    }
    const fails = (error: unknown) => {
      process.printError(String(error))
      exits({ code: FAILURE_CODE, oomKilled: false })
    }
    Promise.resolve(process).then(program).then(exits, fails)
  }

  #makeProcess(stdin: string | null): FakeProcess {
    return {
      spec: this.spec,
      stdin: this.spec.stdin ? stdin : null,
      now: this.#parts.now,
      exitOnTerm: SIGTERM_CODE,
      atTerm: () => undefined,
      isAlive: () => this.#isAlive(),
      print: (line) => this.#write('stdout', line),
      printError: (line) => this.#write('stderr', line),
      read: (path) => this.files.read(path),
      list: (directory) => this.files.list(directory),
      write: (path, content) => {
        if (this.#isAlive()) this.files.write(path, content)
      },
      remove: (path) => {
        if (this.#isAlive()) this.files.remove(path)
      },
    }
  }

  #isAlive(): boolean {
    return this.state === 'running' && !this.#crashed
  }

  #write(stream: 'stdout' | 'stderr', line: string): void {
    if (!this.#isAlive()) return
    this.#log.push({ stream, line })
    if (stream === 'stdout') for (const follower of this.#followers) follower.push(line)
  }

  /** SIGTERM, and at once SIGKILL where that is ignored: the grace of a fake takes no time. */
  stop(): void {
    if (this.state !== 'running') return
    if (this.#process?.exitOnTerm !== null) this.#process?.atTerm()
    this.end({ code: this.#process?.exitOnTerm ?? SIGKILL_CODE, oomKilled: false })
  }

  /** Its process dies with the engine; that it did is known when the engine is back, by `end`. */
  crash(): void {
    if (this.state === 'running') this.#crashed = true
  }

  get hasCrashed(): boolean {
    return this.#crashed
  }

  kill(): void {
    if (this.state === 'running') this.end({ code: SIGKILL_CODE, oomKilled: false })
  }

  /** The end of a running container; any other is left as it is. */
  end(exit: Exit): void {
    if (this.state !== 'running') return
    this.#exit = exit
    this.#finishedAt = this.#parts.now()
    if (exit.oomKilled) this.#parts.announce('outOfMemory')
    this.#parts.announce('ended')
    this.#dismiss(null)
  }

  follow(signal: AbortSignal): Inbox<string> {
    const inbox = new Inbox<string>()
    for (const { stream, line } of this.#log) if (stream === 'stdout') inbox.push(line)
    if (this.state === 'running') this.#followers.add(inbox)
    else inbox.close()
    closeOnAbort(inbox, signal)
    return inbox
  }

  tail(lines: number): string[] {
    return this.#log.slice(-lines).map(({ line }) => line)
  }

  /** Those who follow its lines see the connection break. */
  breakStreams(): void {
    this.#dismiss(new EngineUnavailableError('The connection to the engine broke.'))
  }

  #dismiss(error: Error | null): void {
    for (const follower of this.#followers) follower.close(error)
    this.#followers.clear()
  }
}
