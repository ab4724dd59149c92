/**
 * What to do next with a notebook: a pure function of what is on record and what the engine says. It decides one step at a
 * time; the reconciler does it, looks again, and asks again. So a step that was cut off anywhere is simply decided anew.
 */
import type { Phase, State } from './lifecycle.ts'
import { nextWarning } from './run-limit.ts'

export type MoverPurpose = 'PULL' | 'SAVE' | 'PUSH'

export interface SeenContainer {
  id: string
  role: 'NOTEBOOK' | 'MOVER'
  purpose: 'RUN' | MoverPurpose
  /** Its end is in the books; it only remains to be removed. */
  settled: boolean
  /** `inert`: made, never started. `gone`: on record, but the engine does not know it. */
  status: 'inert' | 'running' | 'ended' | 'gone'
}

export interface SeenCopy {
  /** "workspace", or a volume's id. */
  target: string
  /** It holds what may not be in the bucket. */
  written: boolean
  /** Saving it failed for good; it waits for the user, or for the next try by itself. */
  saveFailed: boolean
}

/** A sync that is not over. */
export interface SeenSync {
  operation: string
  /** The mover that carries it, by its container; null: none was made yet. */
  container: string | null
  cancelWished: boolean
}

export interface View {
  now: Date
  state: State
  phase: Phase | null
  desired: 'RUNNING' | 'STOPPED' | 'DELETED'
  restartWished: boolean
  stopsAt: Date | null
  /** The last warning of that deadline, in seconds ahead of it; null: none. */
  warnedAhead: number | null
  /** When the workspace of a running notebook is to be saved next; null: never. */
  checkpointAt: Date | null
  /** Units are reserved on a node, or held against the quota. */
  holdsCompute: boolean
  /** The present phase failed and is tried again then. */
  retryAt: Date | null
  /** When a save that failed is tried again by itself; null: never. */
  saveRetryAt: Date | null
  containers: readonly SeenContainer[]
  copies: readonly SeenCopy[]
  /** In the order in which they were wished. */
  openSyncs: readonly SeenSync[]
}

/** Why a notebook leaves STARTING or RUNNING. */
export type Departure = 'WISH' | 'RESTART' | 'RUN_LIMIT' | 'ENDED'

export type Step =
  | { name: 'removeContainer'; container: string }
  | { name: 'reserveNode' }
  | { name: 'createMover'; purpose: MoverPurpose }
  | { name: 'startMover'; container: string }
  /** `until`: for so long at most, because something else is due then; null: until it ends. */
  | { name: 'followMover'; container: string; until: Date | null }
  | { name: 'collectMover'; container: string }
  | { name: 'createSyncMover'; operation: string }
  | { name: 'beginCheckpoint' }
  | { name: 'allocate' }
  | { name: 'provideImage' }
  | { name: 'createNotebook' }
  | { name: 'startNotebook'; container: string }
  | { name: 'awaitEditor'; container: string }
  | { name: 'warnOfRunLimit'; ahead: number }
  | { name: 'leave'; because: Departure; container: string | null }
  | { name: 'stopContainer'; container: string }
  | { name: 'freeCompute' }
  | { name: 'pushVolumes' }
  | { name: 'removeLocalCopies' }
  | { name: 'settle' }
  | { name: 'retrySave' }
  | { name: 'beginDeletion' }
  | { name: 'forget' }
  | { name: 'rest'; until: Date | null }

/** A start that is not wished any more: it is left by what is on record alone, and waits for no engine and no retry. */
export function isCalledOff({ state, desired }: Pick<View, 'state' | 'desired'>): boolean {
  return state === 'STARTING' && desired !== 'RUNNING'
}

/** A start that is under way and still wished. What a step of it brings after that says nothing about the notebook any more. */
export function isWantedUp({ state, desired }: Pick<View, 'state' | 'desired'>): boolean {
  return state === 'STARTING' && desired === 'RUNNING'
}

export function nextStep(view: View): Step {
  if (isCalledOff(view)) return leave(view, 'WISH')
  const settled = view.containers.find((container) => container.settled)
  if (settled) return { name: 'removeContainer', container: settled.id }
  const step = stepOf(view)
  // A failed try waits for its time; a departure does not.
  const waits = view.retryAt !== null && view.retryAt > view.now && step.name !== 'leave'
  return waits ? { name: 'rest', until: view.retryAt } : step
}

function stepOf(view: View): Step {
  switch (view.state) {
    case 'STARTING':
      return onTheWayUp(view)
    case 'RUNNING':
      return whileRunning(view)
    case 'STOPPING':
      return onTheWayDown(view)
    case 'DELETING':
      return view.copies.length > 0 ? { name: 'removeLocalCopies' } : { name: 'forget' }
    default:
      return atRest(view)
  }
}

function onTheWayUp(view: View): Step {
  switch (view.phase) {
    case 'QUEUED':
      return { name: 'reserveNode' }
    case 'PULLING_DATA':
      return mover(view, saving(view) ?? 'PULL')
    case 'ALLOCATING':
      return { name: 'allocate' }
    case 'PULLING_IMAGE':
      return { name: 'provideImage' }
    default:
      return bringUpContainer(view)
  }
}

function bringUpContainer(view: View): Step {
  const container = notebookContainer(view)
  if (!container) return { name: 'createNotebook' }
  switch (container.status) {
    case 'inert':
      return { name: 'startNotebook', container: container.id }
    case 'running':
      return { name: 'awaitEditor', container: container.id }
    default:
      return leave(view, 'ENDED')
  }
}

function whileRunning(view: View): Step {
  // Also when the container has ended meanwhile: who wished the end first is its reason.
  if (view.desired !== 'RUNNING') return leave(view, 'WISH')
  if (view.restartWished) return leave(view, 'RESTART')
  if (notebookContainer(view)?.status !== 'running') return leave(view, 'ENDED')
  const step: Step = view.stopsAt ? towardsDeadline(view, view.stopsAt) : { name: 'rest', until: null }
  return step.name === 'rest' ? (syncing(view, step.until) ?? untilCheckpoint(view, step.until)) : step
}

function towardsDeadline(view: View, stopsAt: Date): Step {
  if (stopsAt <= view.now) return leave(view, 'RUN_LIMIT')
  const warning = nextWarning(stopsAt, view.warnedAhead, view.now)
  if (!warning) return { name: 'rest', until: stopsAt }
  return warning.dueAt <= view.now
    ? { name: 'warnOfRunLimit', ahead: warning.ahead }
    : { name: 'rest', until: warning.dueAt }
}

/** Nothing is to be done, but for a checkpoint when it is time for one. */
function untilCheckpoint({ checkpointAt, now }: View, until: Date | null): Step {
  if (!checkpointAt) return { name: 'rest', until }
  if (checkpointAt <= now) return { name: 'beginCheckpoint' }
  return { name: 'rest', until: until && until < checkpointAt ? until : checkpointAt }
}

/**
 * What syncs beside the running notebook ask for; null: there are none. One mover at a time, as they were wished. It is only
 * read along with until something else is due.
 */
function syncing(view: View, until: Date | null): Step | null {
  const mover = view.containers.find(({ role }) => role === 'MOVER')
  if (!mover) {
    const [next] = view.openSyncs
    return next ? { name: 'createSyncMover', operation: next.operation } : null
  }
  const isCalledOff = view.openSyncs.some(({ container, cancelWished }) => container === mover.id && cancelWished)
  if (isCalledOff && mover.status === 'inert') return { name: 'collectMover', container: mover.id }
  if (isCalledOff && mover.status === 'running') return { name: 'stopContainer', container: mover.id }
  return carry(mover, until)
}

function onTheWayDown(view: View): Step {
  const running = view.containers.find(({ status }) => status === 'running')
  if (view.phase === 'STOPPING_CONTAINER' && running) return { name: 'stopContainer', container: running.id }
  if (view.holdsCompute) return { name: 'freeCompute' }

  const purpose = saving(view)
  if (purpose === 'PUSH' && view.phase !== 'PUSHING_DATA') return { name: 'pushVolumes' }
  if (purpose) return mover(view, purpose)
  return view.copies.some(({ written }) => !written) ? { name: 'removeLocalCopies' } : { name: 'settle' }
}

/**
 * What is to be saved next, the workspace first; null: nothing, or it was tried in vain. On the way up, what an earlier run
 * left unsaved is the truth: it is tried once more before anything is pulled.
 */
function saving({ copies }: View): 'SAVE' | 'PUSH' | null {
  const unsaved = copies.filter(({ written, saveFailed }) => written && !saveFailed)
  if (unsaved.some(({ target }) => target === 'workspace')) return 'SAVE'
  return unsaved.length > 0 ? 'PUSH' : null
}

function atRest(view: View): Step {
  const unsaved = view.copies.some(({ written }) => written)
  if (view.desired === 'DELETED' && !unsaved) return { name: 'beginDeletion' }
  if (!unsaved || !view.saveRetryAt) return { name: 'rest', until: null }
  return view.saveRetryAt <= view.now ? { name: 'retrySave' } : { name: 'rest', until: view.saveRetryAt }
}

function mover(view: View, purpose: MoverPurpose): Step {
  const container = view.containers.find((each) => each.purpose === purpose)
  return container ? carry(container, null) : { name: 'createMover', purpose }
}

function carry({ id: container, status }: SeenContainer, until: Date | null): Step {
  switch (status) {
    case 'inert':
      return { name: 'startMover', container }
    case 'running':
      return { name: 'followMover', container, until }
    default:
      return { name: 'collectMover', container }
  }
}

function leave(view: View, because: Departure): Step {
  return { name: 'leave', because, container: notebookContainer(view)?.id ?? null }
}

function notebookContainer(view: View): SeenContainer | undefined {
  return view.containers.find(({ role }) => role === 'NOTEBOOK')
}
