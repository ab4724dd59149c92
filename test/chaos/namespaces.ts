/**
 * A world of its own for a run: network, mounts and processes that nothing outside sees. A Docker daemon that is killed in it
 * disturbs no other, a disk that is full in it is nobody else's, and whatever the run leaves ends with it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { runProgram } from '../../src/host/programs.ts'

/** Its presence in the environment says that we are inside; its value is for the inner process. */
const INSIDE = 'CAHIER_CHAOS_INSIDE'

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

/** What the outer process handed over; null when this is the outer process. */
export function handedOver(): string | null {
  return process.env[INSIDE] ?? null
}

/** Runs this very program again inside, and answers its exit code. Needs root. */
export async function runInside(handOver: string): Promise<number> {
  const child = spawn('unshare', [...NAMESPACES, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: handOver },
  })
  // Ctrl-C reaches both: the inner one ends in order, and the outer one cleans up after it.
  process.on('SIGINT', () => undefined)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

export async function bringUpLoopback(): Promise<void> {
  await must('ip', 'link', 'set', 'lo', 'up')
}

/** A disk that can be filled without anybody else noticing. It is gone with the namespace. */
export async function mountSmallDisk(folder: string, bytes: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  await must('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'disk', folder)
}

async function must(program: string, ...args: string[]): Promise<void> {
  const { exitCode, output } = await runProgram(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${output}`)
}
