/**
 * Programs that outlive us: started in a session of their own, so that Ctrl-C at the terminal does not reach them, with
 * their output in a file; and found again by their process id.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 25

/** A log that has grown beyond this many bytes is begun anew with the daemon. */
const LOG_LIMIT = 20 * 2 ** 20

export interface DaemonOptions {
  log: string
  env: NodeJS.ProcessEnv
  cwd: string
  uid?: number
  gid?: number
}

export interface Daemon {
  /** Set when it ended, or could not be started at all. */
  readonly ended: boolean
}

export function startDaemon(program: string, args: string[], { log, ...options }: DaemonOptions): Daemon {
  const isLong = (statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT
  const file = openSync(log, isLong ? 'w' : 'a', 0o600)
  const state = { ended: false }
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', file, file] })
  closeSync(file)
  for (const event of ['exit', 'error']) child.once(event, () => (state.ended = true))
  child.unref()
  return state
}

/** The process id on the first line of a file; null when there is no such file, or no process of that id whose command line has `mark` in it. */
export async function processFrom(file: string, mark: string): Promise<number | null> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const pid = Number.parseInt(content, 10)
  return isRunning(pid, mark) ? pid : null
}

/** A zombie has no command line, and so counts as gone. */
function isRunning(pid: number, mark: string): boolean {
  return commandLineOf(pid).includes(mark)
}

/** Its arguments, each with a NUL behind it; empty when there is no such process. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** The command lines of all processes that have `mark` in theirs, by process id. */
export function processesWith(mark: string): Map<number, string[]> {
  const found = new Map<number, string[]>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    const args = pid > 0 ? commandLineOf(pid) : ''
    if (args.includes(mark)) found.set(pid, args.split('\0'))
  }
  return found
}

/** Nothing is left of it but an entry for its parent: a process that ends loses its command line long before its files are closed. */
function hasEnded(pid: number): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return /^State:\s+[ZX]/m.test(status) && /^Threads:\s+[01]$/m.test(status)
  } catch {
    return true
  }
}

/** Sends the signal and waits. False when the process is still there after `limitSeconds`. */
export async function endProcess(
  pid: number,
  mark: string,
  signal: NodeJS.Signals,
  limitSeconds: number,
): Promise<boolean> {
  if (!isRunning(pid, mark)) return true
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended in between.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
  return until(async () => hasEnded(pid), limitSeconds)
}

/** Asks again and again until it is so; false when it is not after `limitSeconds`. */
export async function until(condition: () => Promise<boolean>, limitSeconds: number): Promise<boolean> {
  const limit = performance.now() + limitSeconds * 1000
  for (;;) {
    if (await condition()) return true
    if (performance.now() > limit) return false
    await delay(POLL_MS)
  }
}

/** The end of a log, for the sentence that says why its daemon ended. */
export async function lastLines(log: string, lines: number): Promise<string> {
  const content = await readFile(log, 'utf8')
  return content.trimEnd().split('\n').slice(-lines).join('\n')
}
