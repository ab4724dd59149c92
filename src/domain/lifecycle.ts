/**
 * The states and phases of a notebook, and which may follow which. Nothing else in the code decides that: every change is
 * checked against this table where it is written.
 *
 * A settled state is left by the mutation's own transaction; the others are left by the reconciler. Whatever happens in
 * STARTING or RUNNING, the way out is STOPPING, so that there is one place where containers end and data is saved.
 */

export type State = 'STARTING' | 'RUNNING' | 'STOPPING' | 'STOPPED' | 'FAILED' | 'ERROR' | 'DELETING'

export type Phase =
  | 'QUEUED'
  | 'PULLING_DATA'
  | 'ALLOCATING'
  | 'PULLING_IMAGE'
  | 'STARTING_CONTAINER'
  | 'STOPPING_CONTAINER'
  | 'SAVING_WORKSPACE'
  | 'PUSHING_DATA'
  | 'REMOVING'

export type Reason =
  | 'USER'
  | 'RUN_LIMIT'
  | 'IDLE'
  | 'BUDGET'
  | 'EXITED'
  | 'OUT_OF_MEMORY'
  | 'CONTAINER_LOST'
  | 'DATA_ACCESS'
  | 'DISK_FULL'
  | 'IMAGE'
  | 'CAPACITY'
  | 'PLATFORM'

/** A state with its phase, as one word: what the table speaks about. */
export type Place = 'RUNNING' | 'STOPPED' | 'FAILED' | 'ERROR' | `${'STARTING' | 'STOPPING' | 'DELETING'}/${Phase}`

export const TRANSITIONS: Readonly<Partial<Record<Place, readonly Place[]>>> = {
  'STARTING/QUEUED': ['STARTING/PULLING_DATA', 'STOPPING/STOPPING_CONTAINER'],
  'STARTING/PULLING_DATA': ['STARTING/ALLOCATING', 'STOPPING/STOPPING_CONTAINER'],
  'STARTING/ALLOCATING': ['STARTING/PULLING_IMAGE', 'STOPPING/STOPPING_CONTAINER'],
  'STARTING/PULLING_IMAGE': ['STARTING/STARTING_CONTAINER', 'STOPPING/STOPPING_CONTAINER'],
  'STARTING/STARTING_CONTAINER': ['RUNNING', 'STOPPING/STOPPING_CONTAINER'],
  RUNNING: ['STOPPING/STOPPING_CONTAINER'],
  'STOPPING/STOPPING_CONTAINER': [
    'STOPPING/SAVING_WORKSPACE',
    'STOPPING/PUSHING_DATA',
    'STARTING/ALLOCATING',
    'STOPPED',
    'FAILED',
    'ERROR',
  ],
  'STOPPING/SAVING_WORKSPACE': ['STOPPING/PUSHING_DATA', 'STOPPED', 'FAILED', 'ERROR'],
  'STOPPING/PUSHING_DATA': ['STOPPED', 'FAILED', 'ERROR'],
  STOPPED: ['STARTING/QUEUED', 'DELETING/REMOVING'],
  FAILED: ['STARTING/QUEUED', 'STOPPING/SAVING_WORKSPACE', 'DELETING/REMOVING'],
  ERROR: ['STARTING/QUEUED', 'STOPPING/SAVING_WORKSPACE', 'DELETING/REMOVING'],
  'DELETING/REMOVING': ['ERROR'],
}

export const SETTLED = ['STOPPED', 'FAILED', 'ERROR'] as const satisfies readonly State[]

export function isSettled(state: State): boolean {
  return (SETTLED as readonly State[]).includes(state)
}

export function placeOf(state: State, phase: Phase | null): Place {
  return (phase ? `${state}/${phase}` : state) as Place
}

/** A change that is not in the table. Always a bug of ours. */
export class ForbiddenTransitionError extends Error {
  override readonly name = 'ForbiddenTransitionError'
  constructor(from: Place, to: Place) {
    super(`No notebook may go from ${from} to ${to}`)
  }
}

/** Throws ForbiddenTransitionError. Staying where it is is always allowed. */
export function assertTransition(from: Place, to: Place): void {
  if (from !== to && !TRANSITIONS[from]?.includes(to)) throw new ForbiddenTransitionError(from, to)
}

/** How long a phase may take in all, in seconds; null: as long as it makes progress. From the contract's table of budgets. */
export const PHASE_BUDGET_SECONDS = {
  QUEUED: null,
  PULLING_DATA: null,
  ALLOCATING: 60,
  PULLING_IMAGE: 30 * 60,
  STARTING_CONTAINER: 120,
  STOPPING_CONTAINER: 60,
  SAVING_WORKSPACE: null,
  PUSHING_DATA: null,
  REMOVING: 10 * 60,
} as const satisfies Readonly<Record<Phase, number | null>>

/** How long a phase without a total may go on without progress, in seconds. */
export const STALL_SECONDS = { data: 15 * 60, image: 5 * 60 } as const

/** Between SIGTERM and SIGKILL, in seconds: for a notebook, and for a mover that is called off. */
export const STOP_GRACE_SECONDS = 30
export const MOVER_GRACE_SECONDS = 2

/** Time until the n-th retry (n ≥ 1) of a platform fault, in milliseconds: 1 s … 60 s with jitter. `random` is in [0, 1). */
export function retryDelay(attempt: number, random: number): number {
  const ceiling = Math.min(60_000, 1000 * 2 ** attempt)
  return Math.round(ceiling / 2 + (random * ceiling) / 2)
}

/** While a notebook runs, its workspace is saved so often, in seconds, counted from the end of the last try. */
export const CHECKPOINT_SECONDS = 300

/** A failed save is taken again by itself after this long, in seconds, for `SAVE_RETRY_FOR_SECONDS` in all. */
export const SAVE_RETRY_SECONDS = 600
export const SAVE_RETRY_FOR_SECONDS = 86_400
