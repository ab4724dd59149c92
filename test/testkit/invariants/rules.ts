/**
 * The rules of the lifecycle that hold at any moment, each a function from what is on record and what the engine holds to
 * the sentences that say where it is broken.
 */
import { commencedMinutes } from '../../../src/domain/billing.ts'
import { isSettled, placeOf } from '../../../src/domain/lifecycle.ts'
import { type History, replay } from './history.ts'
import type { Known, NotebookOnRecord, ProjectOnRecord, Records, Seen } from './records.ts'

export interface Evidence {
  records: Records
  /** Those that can be compared with the engine. */
  steady: readonly NotebookOnRecord[]
  /** Null: the engine cannot be looked at. */
  seen: Seen | null
  known: Known
  /** Where bills are not what the events tell. */
  unproved: readonly string[]
}

type Rule = (evidence: Evidence) => string[]

/** The invariants, by the sentence that each keeps. */
export const INVARIANTS = {
  'no state outside the table': ({ records }) =>
    records.notebooks.flatMap((notebook) => replay(notebook).faults.map((fault) => about(notebook, fault))),
  'every change has its event': ({ records }) => records.notebooks.flatMap(eventsAgree),
  'event sequences are gap-free': ({ records }) => records.projects.flatMap(isGapFree),
  'one live container per notebook at most': ({ seen }) => (seen ? oneLiveContainer(seen) : []),
  'no container after a settled state': ({ steady, seen }) => (seen ? nothingRunsAtRest(steady, seen) : []),
  'no container without a notebook after the sweep': ({ records, seen, known }) =>
    seen && known.isSwept ? allOnRecord(records, seen) : [],
  'data settled only after verification': ({ records, known }) =>
    records.notebooks.filter(({ id }) => !known.discarded.has(id)).flatMap(isSaved),
  'unsaved files are kept': ({ steady, seen }) => (seen?.volumes ? copiesAreThere(steady, seen.volumes) : []),
  'billing periods are the stays in RUNNING': ({ records }) => records.notebooks.flatMap(isBilledRight),
  'every bill is what the events tell': ({ unproved }) => [...unproved],
  'units are held from the start until the end was observed': ({ records }) => records.notebooks.flatMap(holdsRight),
  'no more is held than there is': ({ records, known }) => [
    ...records.nodes.flatMap((node) => isWithinNode(node, records, known)),
    ...records.projects.flatMap((project) => isWithinQuota(project, records)),
  ],
} as const satisfies Readonly<Record<string, Rule>>

export type Invariant = keyof typeof INVARIANTS

function about({ id }: { id: string }, sentence: string): string {
  return `Notebook ${id}: ${sentence}.`
}

function eventsAgree(notebook: NotebookOnRecord): string[] {
  const { place, isDeleted } = replay(notebook)
  const row = placeOf(notebook.state, notebook.phase)
  const newest = notebook.events.at(-1)?.seq ?? 0n
  const faults = []
  if (place !== row) faults.push(`its row says ${row}, its events say ${place}`)
  if (newest !== notebook.eventSeq) faults.push(`its row knows event ${notebook.eventSeq}, its newest is ${newest}`)
  if (isDeleted !== (notebook.deletedAt !== null))
    faults.push(isDeleted ? 'its events say that it is deleted, its row does not' : 'it was deleted without an event')
  return faults.map((fault) => about(notebook, fault))
}

function isGapFree({ id, eventCounter, seqs }: ProjectOnRecord): string[] {
  const gap = seqs.findIndex((seq, index) => seq !== BigInt(index + 1))
  if (gap >= 0) return [`Project ${id}: event ${gap + 1} is missing before event ${seqs[gap]}.`]
  const last = seqs.at(-1) ?? 0n
  return last === eventCounter ? [] : [`Project ${id}: its counter is ${eventCounter}, its newest event ${last}.`]
}

function oneLiveContainer({ containers }: Seen): string[] {
  const live = new Map<string, number>()
  for (const { identity, state } of containers)
    if (identity.role === 'notebook' && state === 'running')
      live.set(identity.notebook, (live.get(identity.notebook) ?? 0) + 1)
  return [...live]
    .filter(([, count]) => count > 1)
    .map(([id, count]) => about({ id }, `${count} of its containers run`))
}

function nothingRunsAtRest(notebooks: readonly NotebookOnRecord[], { containers }: Seen): string[] {
  return notebooks
    .filter(({ state, deletedAt }) => isSettled(state) || deletedAt)
    .flatMap((notebook) => {
      const running = containers.filter(
        ({ identity, state }) => identity.notebook === notebook.id && state === 'running',
      )
      const recorded = notebook.containers.map(({ id }) => `container ${id} is on record while it is ${notebook.state}`)
      return [...running.map(({ id }) => `container ${id} runs while it is ${notebook.state}`), ...recorded].map(
        (fault) => about(notebook, fault),
      )
    })
}

function allOnRecord({ notebooks }: Records, { containers }: Seen): string[] {
  const recorded = new Set(notebooks.flatMap((notebook) => notebook.containers.map(({ id }) => id)))
  return containers
    .filter(({ id }) => !recorded.has(id))
    .map(({ id, identity, state }) =>
      about({ id: identity.notebook }, `container ${id} (${state}) is on nobody's record`),
    )
}

/** What a run may have written is in its bucket by a push that began after the run, or is still on its node. */
function isSaved(notebook: NotebookOnRecord): string[] {
  const stay = replay(notebook).stays.at(-1)
  if (!stay) return []
  return writableTargets(notebook)
    .filter((target) => !notebook.localCopies.some((copy) => copy.target === target && copy.written))
    .filter((target) => !(stay.left && wasPushedSince(notebook, target, stay.left.seq)))
    .map((target) =>
      about(
        notebook,
        stay.left
          ? `the local copy of ${target} was settled without a verified push after its last run`
          : `it is RUNNING, but its local copy of ${target} does not count as written`,
      ),
    )
}

function writableTargets({ volumes }: NotebookOnRecord): string[] {
  return ['workspace', ...volumes.filter(({ permission }) => permission !== 'RO').map(({ id }) => id)]
}

function wasPushedSince({ syncs, events }: NotebookOnRecord, target: string, seq: bigint): boolean {
  const done = syncs.filter(
    ({ direction, state, volumeId }) =>
      direction === 'PUSH' && state === 'DONE' && (volumeId ?? 'workspace') === target,
  )
  return done.some(({ id }) => {
    const begun = events.find(
      ({ type, payload }) => type === 'SyncProgressed' && (payload as { syncId?: string }).syncId === id,
    )
    return begun !== undefined && begun.seq > seq
  })
}

function copiesAreThere(notebooks: readonly NotebookOnRecord[], volumes: ReadonlySet<string>): string[] {
  return notebooks.flatMap((notebook) =>
    notebook.localCopies
      .filter(({ written, engineVolume }) => written && !volumes.has(engineVolume))
      .map(({ target }) => about(notebook, `the local copy of ${target} is gone, and nobody saved or discarded it`)),
  )
}

function isBilledRight(notebook: NotebookOnRecord): string[] {
  const { stays } = replay(notebook)
  const periods = notebook.billingPeriods
  if (stays.length !== periods.length)
    return [about(notebook, `it was RUNNING ${stays.length} times and has ${periods.length} billing periods`)]
  return stays.flatMap((stay, index) => {
    const period = periods[index]
    return period ? periodFaults(stay, period, periods[index + 1]).map((fault) => about(notebook, fault)) : []
  })
}

type Period = NotebookOnRecord['billingPeriods'][number]

function periodFaults({ entered, left }: History['stays'][number], period: Period, next: Period | undefined): string[] {
  const { startedAt, endedAt, minutes } = period
  const faults = []
  if (startedAt.getTime() !== entered.getTime())
    faults.push(`a period begins at ${startedAt.toISOString()}, the run at ${entered.toISOString()}`)
  if (!left) {
    if (endedAt) faults.push(`its period ended at ${endedAt.toISOString()}, but it is RUNNING`)
  } else if (!endedAt) faults.push(`a period is open, but its run ended at ${left.at.toISOString()}`)
  else if (endedAt > left.at)
    faults.push(`a period ends at ${endedAt.toISOString()}, after its run (${left.at.toISOString()})`)
  if (endedAt && endedAt < startedAt) faults.push('a period ends before it begins')
  if (endedAt && minutes !== commencedMinutes(startedAt, endedAt)) faults.push(`a period has ${minutes} minutes`)
  if (next && endedAt && next.startedAt < endedAt) faults.push('two periods overlap')
  return faults
}

/** Where a notebook may be, and what it must hold there. QUEUED holds its quota, but no node yet. */
function holdsRight(notebook: NotebookOnRecord): string[] {
  const { state, phase, nodeId, heldMilliCpus, heldMemoryBytes, heldGpus } = notebook
  const holds = heldMilliCpus > 0
  const place = placeOf(state, phase)
  const mayHold = state === 'STARTING' || state === 'RUNNING' || phase === 'STOPPING_CONTAINER'
  const faults = []
  if (!mayHold && (holds || heldMemoryBytes > 0n || heldGpus > 0 || nodeId)) faults.push(`it holds units in ${place}`)
  if ((state === 'STARTING' || state === 'RUNNING') && !holds) faults.push(`it holds nothing in ${place}`)
  const needsNode = state === 'RUNNING' || (state === 'STARTING' && phase !== 'QUEUED')
  if (needsNode && !nodeId) faults.push(`it has no node in ${place}`)
  return faults.map((fault) => about(notebook, fault))
}

function isWithinNode(node: Records['nodes'][number], { notebooks }: Records, { overcommit }: Known): string[] {
  const here = notebooks.filter(({ nodeId }) => nodeId === node.id)
  const cpus = here.reduce((sum, { heldMilliCpus }) => sum + heldMilliCpus, 0)
  const memory = here.reduce((sum, { heldMemoryBytes }) => sum + Number(heldMemoryBytes), 0)
  const gpus = here.reduce((sum, { heldGpus }) => sum + heldGpus, 0)
  const hasGpus = (node.gpus as { count: number }[]).reduce((sum, { count }) => sum + count, 0)
  const faults = []
  if (cpus > node.milliCpus * overcommit.cpu) faults.push(`${cpus} thousandths of a CPU are held`)
  if (memory > Number(node.memoryBytes) * overcommit.memory) faults.push(`${memory} bytes of memory are held`)
  if (gpus > hasGpus) faults.push(`${gpus} GPUs are held`)
  return faults.map((fault) => `Node ${node.id}: ${fault}, more than it has.`)
}

function isWithinQuota({ id, maxGpus, maxVcpus }: ProjectOnRecord, { notebooks }: Records): string[] {
  const theirs = notebooks.filter(({ projectId }) => projectId === id)
  const gpus = theirs.reduce((sum, { heldGpus }) => sum + heldGpus, 0)
  const ofCpuFlavors = theirs.filter(({ heldGpus }) => heldGpus === 0)
  const cpus = ofCpuFlavors.reduce((sum, { heldMilliCpus }) => sum + heldMilliCpus, 0)
  const faults = []
  if (gpus > maxGpus) faults.push(`${gpus} GPUs are held, its quota is ${maxGpus}`)
  if (cpus > maxVcpus * 1000) faults.push(`${cpus / 1000} vCPUs are held, its quota is ${maxVcpus}`)
  return faults.map((fault) => `Project ${id}: ${fault}.`)
}
