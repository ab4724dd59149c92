/**
 * Movers that really carry files between the fake object store and volumes, one file at a time, so that one that is killed
 * leaves half of the work done. A pull makes the volume what the bucket is, whatever was in it: a pull over files that are
 * not saved yet loses them, and a test that compares files sees it. Only beside a running notebook it leaves alone what was
 * changed since the last sync, as a real one always does. A push uploads what differs, and deletes where the permission says so.
 */
import { setImmediate } from 'node:timers/promises'
import type { Errand, ErrandReport, Plan, ProgressLine, Target, TargetResult } from '../../mover/protocol.ts'
import type { FakeProcess, Program } from './container.ts'
import type { FakeBucket, FakeObjectStore } from './object-store.ts'
import { moverThat } from './programs.ts'
import { sha256 } from './scribe.ts'

/** Where the files of a volume of the engine belong. */
export interface Origin {
  bucket: string
  prefix: string
  permission: Target['permission']
}

export interface CarrierParts {
  store: FakeObjectStore
  /** Told where each volume belongs, as soon as a mover is. */
  learn: (volume: string, origin: Origin) => void
  /** Whether a notebook runs on the volume. */
  isInUse: (volume: string) => boolean
}

export function carrier({ store, learn, isInUse }: CarrierParts): Program {
  const remove = (errand: Errand): Partial<ErrandReport> => {
    if (errand.errand !== 'remove') return {}
    const bucket = store.bucket(errand.source.bucket)
    const keys = [...bucket.keys()].filter((key) => errand.prefixes.some((prefix) => key.startsWith(prefix)))
    for (const key of keys) bucket.delete(key)
    return { objectsRemoved: keys.length }
  }
  return (process) =>
    moverThat(async (target, plan, report) => {
      const { bucket, prefix } = target.source
      const volume = process.spec.mounts.find(({ path }) => path === target.dataDir)?.volume
      if (volume) learn(volume, { bucket, prefix, permission: target.permission })
      const error = await store.admit(bucket)
      if (error) return { state: 'failed', error }
      const isBeside = volume !== undefined && isInUse(volume)
      return carry(process, store.bucket(bucket), target, plan, report, isBeside)
    }, remove)(process)
}

/** One file to bring to where it is not, or to remove where it is too much. */
type Move = { path: string; content: Buffer | null }

async function carry(
  process: FakeProcess,
  bucket: FakeBucket,
  target: Target,
  { direction }: Plan,
  report: (progress: Partial<ProgressLine>) => void,
  isBeside: boolean,
): Promise<Partial<TargetResult>> {
  const here = filesHere(process, target)
  const there = filesThere(bucket, target)
  const [from, to] = direction === 'pull' ? [there, here] : [here, there]
  const deletes = direction === 'pull' || target.permission === 'RWD'
  const all = movesBetween(from, to, deletes)
  const isMerged = isBeside && direction === 'pull' && target.permission !== 'RO'
  const moves = isMerged ? sparing(all, here, lastSynced(process, target), target.permission) : all
  const counters = { ...countersOf(moves), filesDone: 0, filesDeleted: 0, bytesDone: 0 }
  const apply = direction === 'pull' ? applyHere(process, target) : applyThere(bucket, target)
  report({ stage: 'moving', ...counters })
  for (const move of moves) {
    await setImmediate()
    // What was killed does not act on the world any more.
    if (!process.isAlive()) return {}
    apply(move)
    if (move.content === null) counters.filesDeleted += 1
    else counters.filesDone += 1
    counters.bytesDone += move.content?.length ?? 0
    report({ stage: 'moving', ...counters })
  }
  process.write(recordOf(target), JSON.stringify(Object.fromEntries([...filesHere(process, target)].map(digested))))
  return { ...counters, filesTotal: moves.length, bytesTotal: counters.bytesDone }
}

/** Digests by path: what a volume held when its last sync ended. */
type LastSynced = Record<string, string>

const recordOf = ({ sideDir }: Target): string => `${sideDir}/last-synced.json`
const digested = ([path, content]: [string, Buffer]) => [path, sha256(content)] as const

function lastSynced(process: FakeProcess, target: Target): LastSynced {
  return JSON.parse(process.read(recordOf(target))?.toString() ?? '{}') as LastSynced
}

/** The moves that touch nothing which was changed or, where deletions count, deleted here since the last sync. */
function sparing(moves: Move[], here: FakeBucket, last: LastSynced, permission: Target['permission']): Move[] {
  return moves.filter(({ path, content }) => {
    const local = here.get(path)
    if (local) return last[path] === sha256(local)
    return !(permission === 'RWD' && content && last[path] === sha256(content))
  })
}

function filesHere(process: FakeProcess, { dataDir }: Target): FakeBucket {
  const paths = process.list(dataDir)
  return new Map(paths.map((path) => [path.slice(dataDir.length + 1), process.read(path) ?? Buffer.alloc(0)]))
}

function filesThere(bucket: FakeBucket, { source: { prefix } }: Target): FakeBucket {
  const keys = [...bucket.keys()].filter((key) => key.startsWith(prefix))
  return new Map(keys.map((key) => [key.slice(prefix.length), bucket.get(key) ?? Buffer.alloc(0)]))
}

function movesBetween(from: FakeBucket, to: FakeBucket, deletes: boolean): Move[] {
  const carried = [...from].filter(([path, content]) => !to.get(path)?.equals(content))
  const surplus = deletes ? [...to.keys()].filter((path) => !from.has(path)) : []
  return [...carried.map(([path, content]) => ({ path, content })), ...surplus.map((path) => ({ path, content: null }))]
}

function countersOf(moves: readonly Move[]) {
  const bytesTotal = moves.reduce((sum, { content }) => sum + (content?.length ?? 0), 0)
  return { filesTotal: moves.length, filesSkipped: 0, filesFailed: 0, bytesTotal }
}

function applyHere(process: FakeProcess, { dataDir }: Target) {
  return ({ path, content }: Move) =>
    content ? process.write(`${dataDir}/${path}`, content) : process.remove(`${dataDir}/${path}`)
}

function applyThere(bucket: FakeBucket, { source: { prefix } }: Target) {
  return ({ path, content }: Move) =>
    content ? void bucket.set(prefix + path, content) : void bucket.delete(prefix + path)
}
