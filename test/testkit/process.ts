/** A Node program in a process of its own, its output, and its end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type Environment = Record<string, string>

export interface Running {
  pid: number
  /** The exit code; null when a signal ended it. */
  ended: Promise<number | null>
  /** Resolves when it ended and all that it printed was read; later, where its children print to the same. */
  closed: Promise<unknown>
  /** What it printed so far. */
  output(): string
  /** Resolves once it has printed that text; rejects with its output when it ends before. */
  printed(text: string): Promise<void>
  /** What a person types. */
  type(text: string): void
  /** Answers the exit code, when it ends. */
  signal(name: NodeJS.Signals): Promise<number | null>
}

/** Many processes of the same few programs are started: what was compiled once need not be again. */
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/node-compile-cache', import.meta.url))

/** It inherits nothing of the environment but PATH and HOME; its stdin closes when this process ends. */
export function startProcess(script: string, args: string[] = [], environment: Environment = {}): Running {
  const child = spawn(process.execPath, [script, ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const output = collect(child)
  const isOver = async (text: string): Promise<never> => {
    await ended
    throw new Error(`The process ended without printing "${text}":\n${output.text()}`)
  }
  return {
    pid: child.pid ?? 0,
    ended,
    closed: once(child, 'close'),
    output: output.text,
    printed: (text) => Promise.race([output.contains(text), isOver(text)]),
    type(text) {
      child.stdin.write(text)
    },
    async signal(name) {
      child.kill(name)
      return ended
    },
  }
}

/** What a process prints, and a promise for a text that it will print. */
function collect(child: ChildProcess) {
  let all = ''
  const waiting = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      all += text
      for (const check of waiting) check()
    })
  return {
    text: () => all,
    contains: (text: string) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (!all.includes(text)) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        check()
      }),
  }
}
