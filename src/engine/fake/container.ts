/**
 * A fake container: a state machine from inert to running to ended, around a program that is a function. It ends when its
 * program does, or when it is told to; what the program does after that has no effect, as with a process that was killed.
 */
import { type ContainerSpec, type ContainerStatus, type EngineEvent, EngineUnavailableError } from '../port.ts'
import { ContainerFiles, type FakeVolume } from './files.ts'
import { closeOnAbort, Inbox } from './inbox.ts'

export interface Exit {
  code: number
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
  print(line: string): void
  printError(line: string): void
  /** Throws on a read-only file system. */
  write(path: string, content: string): void
}

/** Returns how it ends. One that throws ends with code 1 and the error in its log. */
export type Program = (process: FakeProcess) => Promise<Exit> | Exit

const SIGKILL_CODE = 137
const SIGTERM_CODE = 143
const CRASH_CODE = 1

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
    const crash = (error: unknown) => {
      process.printError(String(error))
      this.end({ code: CRASH_CODE, oomKilled: false })
    }
    Promise.resolve(process)
      .then(program)
      .then((exit) => this.end(exit), crash)
  }

  #makeProcess(stdin: string | null): FakeProcess {
    return {
      spec: this.spec,
      stdin: this.spec.stdin ? stdin : null,
      now: this.#parts.now,
      exitOnTerm: SIGTERM_CODE,
      print: (line) => this.#write('stdout', line),
      printError: (line) => this.#write('stderr', line),
      write: (path, content) => {
        if (this.state === 'running') this.files.write(path, content)
      },
    }
  }

  #write(stream: 'stdout' | 'stderr', line: string): void {
    if (this.state !== 'running') return
    this.#log.push({ stream, line })
    if (stream === 'stdout') for (const follower of this.#followers) follower.push(line)
  }

  /** SIGTERM, and at once SIGKILL where that is ignored: the grace of a fake takes no time. */
  stop(): void {
    if (this.state === 'running') this.end({ code: this.#process?.exitOnTerm ?? SIGKILL_CODE, oomKilled: false })
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
