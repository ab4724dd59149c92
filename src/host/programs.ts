/** Programs of the machine: whether they are there, and running one to its end. */
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'

/** Where daemons lie, which is not on the PATH of every user. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Absolute path of a program on PATH or in the system's folders; null when it is not installed. */
export async function findProgram(name: string): Promise<string | null> {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]) {
    const path = join(folder, name)
    if (await isExecutable(path)) return path
  }
  return null
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export interface Outcome {
  /** Null when a signal ended it. */
  exitCode: number | null
  /** The last lines of stdout and stderr. */
  output: string
}

const LINES_KEPT = 10

interface RunOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  uid?: number
  gid?: number
  /** What it reads from stdin; nothing when not given. */
  input?: string
}

/** Runs a program to its end. Throws only when it cannot be started. */
export function runProgram(program: string, args: string[], { input, ...options }: RunOptions = {}): Promise<Outcome> {
  const child = spawn(program, args, { ...options, stdio: 'pipe' })
  // One that ends without reading says why by its exit code.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > LINES_KEPT) lines.shift()
    })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode, output: lines.join('\n') }))
  })
}
