/**
 * Debian where no registry is in reach: bootstrapped from its packages by mmdebstrap and imported into the daemon. Only
 * a system that came out whole is imported.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { PassThrough, type Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import { asPortError } from '../engine/docker/call.ts'
import { ImageError, type ImageProgress } from '../engine/port.ts'
import { installPackages, PackagesError } from '../host/apt.ts'
import { findProgram } from '../host/programs.ts'
import { daemonMessages } from './messages.ts'

const REPOSITORY = 'cahier/debian'

/** Folders below /usr/share that no container of ours reads; Debian's own slim images lack them too. */
const LEFT_OUT = ['doc', 'info', 'lintian', 'locale', 'man']

/** What it says for people; the rest is about itself. */
const STEP = /^I: ((?:running|downloading|extracting|installing|cleaning|creating) .+?)\.*$/

/** What is made in place of a Debian image. */
export interface Substitute {
  suite: string
  name: string
}

/** Null for an image that is not plain Debian. */
export function substituteFor(reference: string): Substitute | null {
  const suite = /^debian:([a-z]+)-slim$/.exec(reference)?.[1]
  return suite ? { suite, name: `${REPOSITORY}:${suite}` } : null
}

/** Throws ImageError, EngineUnavailableError, or the signal's reason. */
export async function bootstrapDebian(
  docker: Dockerode,
  { suite }: Substitute,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const tell = (message: string) => onProgress({ message, bytesDone: null, bytesTotal: null })
  const mmdebstrap = await provideMmdebstrap(tell)
  signal.throwIfAborted()

  // A process group of its own, because the program waits for its children to end before it heeds a signal.
  const child = spawn(mmdebstrap, mmdebstrapArguments(suite), { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = new Promise((resolve) => child.once('close', resolve))
  const stop = () => stopGroup(child)
  signal.addEventListener('abort', stop)
  try {
    createInterface({ input: child.stderr }).on('line', (line) => {
      const step = STEP.exec(line)?.[1]
      if (step) tell(`Bootstrapping Debian ${suite}: ${step}`)
    })
    const image = await docker.importImage(whole(child), { repo: REPOSITORY, tag: suite, abortSignal: signal })
    for await (const { error } of daemonMessages(image))
      if (error) throw new ImageError(`Debian ${suite} cannot be imported: ${error}.`)
  } catch (error) {
    signal.throwIfAborted()
    throw asPortError('import Debian', error)
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
    await closed
  }
}

type Bootstrap = ChildProcessByStdio<null, Readable, Readable>

function stopGroup(child: Bootstrap): void {
  // What nobody reads any more would block it for ever.
  child.stdout.destroy()
  const isRunning = child.exitCode === null && child.signalCode === null
  if (isRunning && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
}

/** Answers its path. */
async function provideMmdebstrap(say: (line: string) => void): Promise<string> {
  const path = await findProgram('mmdebstrap')
  if (path) return path
  try {
    await installPackages(['mmdebstrap', 'debian-archive-keyring'], "mmdebstrap and Debian's keyring", say)
  } catch (error) {
    if (!(error instanceof PackagesError)) throw error
    throw new ImageError(`Without a registry, Debian is bootstrapped by mmdebstrap. ${error.message}`, { cause: error })
  }
  return (await findProgram('mmdebstrap')) ?? '/usr/bin/mmdebstrap'
}

function mmdebstrapArguments(suite: string): string[] {
  return [
    '--variant=minbase',
    '--format=tar',
    ...LEFT_OUT.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    suite,
    '-',
  ]
}

/** The program's output, which ends well only if the program did; otherwise it breaks off with an ImageError. */
function whole(child: Bootstrap): Readable {
  const output = new PassThrough()
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line))
  child.stdout.pipe(output, { end: false })
  child.once('error', (error) => output.destroy(error))
  child.once('close', (exitCode) => {
    if (exitCode === 0) output.end()
    else output.destroy(new ImageError(`mmdebstrap failed:\n${lines.slice(-10).join('\n')}`))
  })
  return output
}
