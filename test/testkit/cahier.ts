/** A Cahier process of one's own: started as a user would start it, on the parts the test names. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const START = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const DOWN = fileURLToPath(new URL('../../src/down.ts', import.meta.url))

export interface Cahier {
  url: string
  /** The admin's token. */
  token: string
  /** What it printed so far. */
  output: () => string
  /** kill -9: nothing is said goodbye to. */
  kill: () => Promise<void>
  /** Ctrl-C. Answers the exit code. */
  interrupt: () => Promise<number | null>
  [Symbol.asyncDispose]: () => Promise<void>
}

export type Environment = Record<string, string>

/** Resolves when it is ready to be used; rejects with its output when it ends before. */
export async function startCahier(environment: Environment): Promise<Cahier> {
  const running = run(START, environment)
  await Promise.race([
    running.printed('Cahier is ready'),
    running.ended.then(() => running.fail('ended before it was ready')),
  ])
  const home = environment.CAHIER_HOME
  if (!home) throw new Error('A test names its own CAHIER_HOME')
  return {
    url: `http://127.0.0.1:${environment.PORT}`,
    token: (await readFile(join(home, 'admin-token'), 'utf8')).trim(),
    output: running.output,
    kill: () => running.signal('SIGKILL').then(() => undefined),
    interrupt: () => running.signal('SIGINT'),
    [Symbol.asyncDispose]: () => running.signal('SIGKILL').then(() => undefined),
  }
}

/** A start that is refused: runs until it ends by itself. */
export function cahierThatEnds(environment: Environment): Promise<{ code: number | null; output: string }> {
  return untilEnded(run(START, environment))
}

/** What "npm run down" does. */
export function cahierDown(environment: Environment): Promise<{ code: number | null; output: string }> {
  return untilEnded(run(DOWN, environment))
}

async function untilEnded({ ended, output }: ReturnType<typeof run>) {
  return { code: await ended, output: output() }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || !address) throw new Error('no port')
  return address.port
}

function run(script: string, environment: Environment) {
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const output = collect(child)
  const fail = (what: string): never => {
    throw new Error(`Cahier ${what}:\n${output.text()}`)
  }
  return {
    ended,
    fail,
    output: output.text,
    printed: output.contains,
    async signal(name: NodeJS.Signals): Promise<number | null> {
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
