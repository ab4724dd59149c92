/** A Cahier process of one's own: started as a user would start it, on the parts the test names. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Environment, type Running, startProcess } from './process.ts'

const START = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const DOWN = fileURLToPath(new URL('../../src/down.ts', import.meta.url))

export interface Cahier {
  url: string
  /** The admin's token. */
  token: string
  pid: number
  /** Resolves when the process is gone, whatever ended it. */
  ended: Promise<unknown>
  /** What it printed so far. */
  output: () => string
  /** kill -9: nothing is said goodbye to. */
  kill: () => Promise<void>
  /** Ctrl-C. Answers the exit code. */
  interrupt: () => Promise<number | null>
  [Symbol.asyncDispose]: () => Promise<void>
}

/** Resolves when it is ready to be used; rejects with its output when it ends before. */
export async function startCahier(environment: Environment): Promise<Cahier> {
  const running = startProcess(START, [], environment)
  await running.printed('Cahier is ready')
  const home = environment.CAHIER_HOME
  if (!home) throw new Error('A test names its own CAHIER_HOME')
  return {
    url: `http://127.0.0.1:${environment.PORT}`,
    token: (await readFile(join(home, 'admin-token'), 'utf8')).trim(),
    pid: running.pid,
    ended: running.ended,
    output: running.output,
    kill: () => running.signal('SIGKILL').then(() => undefined),
    interrupt: () => running.signal('SIGINT'),
    [Symbol.asyncDispose]: () => running.signal('SIGKILL').then(() => undefined),
  }
}

/** A start that is refused: runs until it ends by itself. */
export function cahierThatEnds(environment: Environment): Promise<{ code: number | null; output: string }> {
  return untilEnded(startProcess(START, [], environment))
}

/** What "npm run backup", "restore" or "orphans" do; `typed` is what a person answers when they ask. */
export async function cahierCommand(
  command: 'backup' | 'restore' | 'orphans',
  args: string[],
  environment: Environment,
  typed?: string,
): Promise<{ code: number | null; output: string }> {
  const running = startProcess(fileURLToPath(new URL(`../../src/${command}.ts`, import.meta.url)), args, environment)
  if (typed !== undefined) {
    await running.printed('Type ')
    running.type(`${typed}\n`)
  }
  await running.closed
  return untilEnded(running)
}

/** What "npm run down" does. */
export function cahierDown(environment: Environment): Promise<{ code: number | null; output: string }> {
  return untilEnded(startProcess(DOWN, [], environment))
}

async function untilEnded({ ended, output }: Running) {
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
