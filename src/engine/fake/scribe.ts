/**
 * A notebook that works on its files, so that a test can tell whether any was lost: in its workspace and in each volume that
 * it may write to it leaves one file when it starts and one when it is asked to end, and removes those named `doomed`. What
 * they hold follows from the notebook, the generation and the name. What it found at its start is in `seen-<generation>.json`
 * of the workspace.
 */
import { createHash } from 'node:crypto'
import type { ContainerSpec, Identity } from '../port.ts'
import type { Exit, FakeProcess, Program } from './container.ts'

const WORKSPACE = '/workspace'

/** The file that a generation writes in each writable place: at its start, and on SIGTERM. */
export const firstFile = (generation: number): string => `first-${generation}.txt`
export const lastFile = (generation: number): string => `last-${generation}.txt`
/** Digests by path of everything that a generation found when it started, in its workspace. */
export const seenFile = (generation: number): string => `seen-${generation}.json`
/** What it removes wherever it may. */
export const DOOMED = 'doomed'

export const scribe: Program = (process) => {
  const { identity } = process.spec
  process.write(`${WORKSPACE}/${seenFile(identity.generation)}`, JSON.stringify(digestsOf(process)))
  for (const { path } of writableMounts(process.spec)) {
    process.remove(`${path}/${DOOMED}`)
    write(process, path, firstFile(identity.generation))
  }
  process.exitOnTerm = 0
  process.atTerm = () => {
    for (const { path } of writableMounts(process.spec)) write(process, path, lastFile(identity.generation))
  }
  return Promise.withResolvers<Exit>().promise
}

function write(process: FakeProcess, directory: string, name: string): void {
  process.write(`${directory}/${name}`, contentOf(process.spec.identity, directory, name))
}

/** What a file of that name holds that this notebook wrote in the directory. */
export function contentOf({ notebook }: Pick<Identity, 'notebook'>, directory: string, name: string): Buffer {
  return Buffer.from(`${name} in ${directory} of ${notebook}\n`.repeat(8))
}

function writableMounts({ mounts }: ContainerSpec) {
  return mounts.filter(({ readOnly }) => !readOnly)
}

function digestsOf(process: FakeProcess): Record<string, string> {
  const paths = process.spec.mounts.flatMap(({ path }) => process.list(path))
  return Object.fromEntries(paths.map((path) => [path, sha256(process.read(path) ?? Buffer.alloc(0))]))
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
