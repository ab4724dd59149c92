/**
 * Control planes as processes of their own, to be killed and paused. One dies at a chosen point and the next takes over:
 *
 *     const first = await startControlPlane({ on, traps: [{ point: 'after call create', occurrence: 1, action: 'kill' }] })
 *     await first.ended
 *     await using second = await startControlPlane({ on })
 *
 * `on` says on what: the fake engine behind its socket (`FakeParts`), or a Docker daemon and an object store (`RealParts`). The
 * points are in kill-points.ts.
 */
import { readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ObjectStoreAddress } from '../../src/config.ts'
import { sentenceOf, type Trap } from './kill-points.ts'
import { startProcess } from './process.ts'

const PROCESS = fileURLToPath(new URL('control-plane-process.ts', import.meta.url))

interface CommonParts {
  /** Migrated. */
  databaseUrl: string
  /** 32 bytes in base64. */
  encryptionKey: string
  workspaceBucket: string
}

export interface FakeParts extends CommonParts {
  socketPath: string
  nodeId: string
}

/** With the mover's image and the bucket of workspaces. */
export interface RealParts extends CommonParts {
  dockerHost: string
  /** Its folder holds those of the images. */
  catalogueFile: string
  store: ObjectStoreAddress
}

export interface ControlPlaneOptions {
  on: FakeParts | RealParts
  traps?: readonly Trap[]
  /** 1 by default. */
  leaseSeconds?: number
  /** 60 by default. */
  sweepSeconds?: number
  /** 'warn' by default; it logs to `output`. */
  logLevel?: string
}

export interface ControlPlane extends AsyncDisposable {
  /** Resolves when it is dead, whoever killed it. */
  ended: Promise<unknown>
  /** The trap that sprang; null: none did. */
  sprung(): Trap | null
  /** What it printed and logged. */
  output(): string
  /** Resolves when it stands still at its trap. */
  paused(): Promise<void>
  /** After a pause. */
  goOn(): void
  /** Now, wherever it is. */
  pause(): Promise<void>
  kill(): Promise<void>
  /** Gives its notebooks back and ends. */
  stop(): Promise<void>
}

/** Resolves when it works, or was killed by its trap before. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const running = startProcess(PROCESS, [JSON.stringify(options)])
  const plane: ControlPlane = {
    ended: running.closed,
    output: running.output,
    sprung: () => (options.traps ?? []).find((trap) => running.output().includes(sentenceOf(trap))) ?? null,
    async paused() {
      await running.printed('pause ')
      await untilStopped(running.pid)
    },
    goOn: () => void process.kill(running.pid, 'SIGCONT'),
    async pause() {
      process.kill(running.pid, 'SIGSTOP')
      await untilStopped(running.pid)
    },
    kill: () => running.signal('SIGKILL').then(() => undefined),
    stop: () => running.signal('SIGTERM').then(() => undefined),
    [Symbol.asyncDispose]: () => plane.kill(),
  }
  await Promise.race([running.printed('ready'), running.printed('kill '), running.printed('pause ')])
  return plane
}

/** The signal was sent; the kernel takes the process a moment later. */
async function untilStopped(pid: number): Promise<void> {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return
    await setImmediate()
  }
}
