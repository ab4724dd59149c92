/** A program that a benchmark runs beside itself, for as long as it is needed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const LINES_KEPT = 20
const ASK_EVERY_MS = 200

export interface Running extends AsyncDisposable {
  pid: number
  /** A signal, and the wait for the end. */
  end(signal: NodeJS.Signals): Promise<void>
}

/**
 * Starts it and waits until `isReady` holds, asked after each line that it prints on stdout, and now and then (with null).
 * Rejects with its last lines when it ends before.
 */
export async function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
  isReady: (line: string | null) => boolean | Promise<boolean>,
): Promise<Running> {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  const ask = async (line: string | null) => {
    if (await isReady(line)) ready.resolve()
  }
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > LINES_KEPT) lines.shift()
      ask(line).catch(ready.reject)
    })
  const now = setInterval(() => void ask(null).catch(ready.reject), ASK_EVERY_MS)
  const ended = once(child, 'exit')
  const early = ended.then(() => {
    throw new Error(`${program} ended before it was ready:\n${lines.join('\n')}`)
  })
  early.catch(() => undefined)
  try {
    await Promise.race([ready.promise, early])
  } finally {
    clearInterval(now)
  }
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    if (child.exitCode === null && child.signalCode === null) await ended
  }
  return { pid: child.pid ?? 0, end, [Symbol.asyncDispose]: () => end('SIGKILL') }
}
