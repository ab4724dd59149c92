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

/** The first process of the namespace: a shell, which lets go of what ends without a parent there. */
const INIT = ['sh', '-c', '"$0" "$@"; exit $?']

/** What the outer process handed over; null when this is the outer process. */
export function handedOver(): string | null {
  return process.env[INSIDE] ?? null
}

const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const

/** Ctrl-C, or an end that is asked for otherwise. At the first the run ends in order, at the second at once. */
export function listenForInterrupts(): { first: AbortSignal; second: AbortSignal } {
  const [first, second] = [new AbortController(), new AbortController()]
  for (const name of INTERRUPTS) process.on(name, () => (first.signal.aborted ? second.abort() : first.abort()))
  return { first: first.signal, second: second.signal }
}

/**
 * Runs this very program again inside, and answers its exit code. Needs root. The inner process is called off by the end of
 * its stdin, which comes also when this one is killed.
 */
export async function runInside(
  handOver: string,
  { first, second }: ReturnType<typeof listenForInterrupts>,
): Promise<number> {
  const child = spawn('unshare', [...NAMESPACES, ...INIT, process.execPath, ...process.argv.slice(1)], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, [INSIDE]: handOver },
  })
  first.addEventListener('abort', () => child.stdin.end())
  second.addEventListener('abort', () => child.kill('SIGKILL'))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

/** Inside: aborts when the outer process calls the run off, or is gone. */
export function calledOff(): AbortSignal {
  const over = new AbortController()
  // What is sent to all of a terminal's processes comes here too; the outer one is that which counts.
  for (const name of INTERRUPTS) process.on(name, () => undefined)
  process.stdin.resume().once('end', () => over.abort(new Error('The run was called off')))
  process.stdin.unref()
  return over.signal
}

/** Nothing is there at first but a network interface that is down, and sockets of others in the system's run directory. */
export async function furnish(): Promise<void> {
  await must('ip', 'link', 'set', 'lo', 'up')
  await must('mount', '-t', 'tmpfs', 'run', '/run')
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
