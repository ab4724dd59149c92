/**
 * What the control plane and a mover say to each other; version 1. The only file of the mover that others import.
 *
 * The plan goes in on stdin, whole, then end of file; no plan within 30 s ends in exit code NO_PLAN. Stdout carries
 * progress lines only, one JSON object each, and may be lost. The truth is left in files below the side directory of
 * each target (`result.json`, `manifest.jsonl`), written aside, fsynced and renamed; the control plane reads them after the exit.
 * No `result.json` of this operation means that its target did not come to an end: the step is taken again.
 */

export const PROTOCOL = 1

/** How a mover ends. A worse code hides a milder one: BUG over DATA over STORE over DONE. */
export const EXIT = {
  /** Every target is done (and, on push, verified). */
  DONE: 0,
  /** No plan came within 30 s, or one of another protocol version: nothing was touched, the step is taken again. */
  NO_PLAN: 64,
  /** The user's side is at fault: access refused, a file that cannot be carried, a path in the way, a full disk. Not worth a retry. */
  DATA: 65,
  /** The store did not answer as it should, after retries. Worth another try later. */
  STORE: 69,
  /** A fault of the mover itself. */
  BUG: 70,
  /** Ended by SIGTERM or SIGINT, within 2 s. The target under way leaves no result; taken again, it goes on from there. */
  CANCELLED: 143,
} as const

/** Where a mover container finds things. The image has these directories, owned by 42420, so that new volumes inherit the owner. */
export const MOVER_PATHS = {
  workspace: '/cahier/workspace',
  /** The i-th volume of the notebook, 0 ≤ i < 10. */
  volume: (index: number): string => `/cahier/volumes/${index}`,
  side: '/cahier/side',
} as const

export const MANIFEST_FILE = 'manifest.jsonl'
export const RESULT_FILE = 'result.json'

export interface BucketSource {
  type: 'bucket'
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  pathStyle: boolean
  bucket: string
  /** '' or a prefix that ends in '/'. Keys of the volume are prefix + path. */
  prefix: string
}

export interface Target {
  /** 'workspace', or the volume's uuid. Also the name of its side directory below MOVER_PATHS.side. */
  id: string
  /** The workspace also carries symlinks and empty directories, and its bucket mirrors it, deletions included. */
  kind: 'workspace' | 'volume'
  permission: 'RO' | 'RW' | 'RWD'
  dataDir: string
  sideDir: string
  source: BucketSource
  /** Relative paths below dataDir where other volumes are mounted in the notebook: never content, and nothing but a directory may lie there. */
  reserved: string[]
}

export interface Plan {
  protocol: typeof PROTOCOL
  /** Comes back in every progress line and result. */
  operation: string
  direction: 'pull' | 'push'
  /** Names this notebook in `name.conflict-<notebook>-<time>.ext`. */
  notebook: string
  targets: Target[]
  /** `host:port` of addresses in loopback, link-local or private ranges that may be dialled all the same. */
  allowedPrivateAddresses: string[]
  /** Carry out deletions in the bucket even when they are more than half of a volume's objects. */
  confirmDeletions: boolean
  diskReserve: DiskReserve
}

/** What a pull leaves free on the disk: the larger of a share of the disk (0 … 1) and a number of bytes. */
export interface DiskReserve {
  share: number
  bytes: number
}

/**
 * Files are what has a key: also symlinks and markers of folders. At the end done + skipped + deleted + failed = total, and
 * bytesDone = bytesTotal unless a file failed. Totals change only when a file turns out to have another size than was listed.
 */
export interface Counters {
  filesDone: number
  filesTotal: number | null
  filesSkipped: number
  filesDeleted: number
  filesFailed: number
  bytesDone: number
  /** Null until the listing pass has ended; set before the first byte moves. */
  bytesTotal: number | null
}

/** One line of stdout; at most 4 a second per target, and the last one always. */
export interface ProgressLine extends Counters {
  protocol: typeof PROTOCOL
  operation: string
  target: string
  stage: 'listing' | 'moving' | 'verifying' | 'done' | 'failed'
}

export interface FileProblem {
  path: string
  message: string
}

export interface FileConflict {
  path: string
  /** Where the version that lost its name lies now. */
  keptAs: string
}

/** `data`: the user's store or files; `store`: the store's fault, worth a retry; `bug`: ours. Message: one sentence for people. */
export interface TargetError {
  kind: 'data' | 'store' | 'bug'
  message: string
  /** With `data`: only files are at fault, that no mover could carry; the store took the others. */
  ofFiles?: boolean | undefined
  /** With `data`: the disk cannot hold what is to be pulled. */
  diskFull?: boolean | undefined
}

/** `result.json` in the target's side directory. */
export interface TargetResult extends Counters {
  protocol: typeof PROTOCOL
  operation: string
  target: string
  direction: 'pull' | 'push'
  /** `done` on push means: verified in the bucket, so that the local copy may go. */
  state: 'done' | 'failed'
  error: TargetError | null
  /** The first 100, as of conflicts. What holds no content, or no file could ever be, stands here too, but fails no target. */
  failures: FileProblem[]
  conflicts: FileConflict[]
  /** Deletions not carried out because they were more than half of the objects; 0 otherwise. The state is `done` all the same. */
  deletionsHeld: number
  startedAt: string
  endedAt: string
}

/**
 * What a mover does on a store alone, without any volume: it comes on stdin in place of a plan. Its reports are lines of
 * stdout, each whole in itself, and the last one, which is no longer `running`, is the result. None: the errand is taken
 * again, which is harmless.
 */
export type Errand = StoreTest | Removal

interface ErrandHead {
  protocol: typeof PROTOCOL
  operation: string
  allowedPrivateAddresses: string[]
}

/** Tries everything that a notebook may do with a bucket, below the source's prefix, and says of each how it went. */
export interface StoreTest extends ErrandHead {
  errand: 'test'
  source: BucketSource
  /** How long the store may take for any one step. */
  secondsPerStep: number
}

/** Removes every object below each of these prefixes, in their order. */
export interface Removal extends ErrandHead {
  errand: 'remove'
  source: Omit<BucketSource, 'prefix'>
  /** Each ends in '/'. */
  prefixes: string[]
}

/** In the order in which they are made; what cannot be tried because of an earlier one is skipped. */
export const STORE_CHECKS = [
  'ADDRESS',
  'CONNECTION',
  'TLS',
  'CLOCK',
  'KEYS',
  'BUCKET',
  'LIST',
  'PUT',
  'GET',
  'DELETE',
] as const

export interface StoreCheck {
  check: (typeof STORE_CHECKS)[number]
  outcome: 'PASSED' | 'FAILED' | 'SKIPPED'
  /** What is wrong, or was found out, in one sentence for people that holds no credentials. */
  message: string | null
}

export interface ErrandReport {
  protocol: typeof PROTOCOL
  operation: string
  state: 'running' | 'done' | 'failed'
  /** Why it failed. */
  message: string | null
  /** Whether another try is of use. */
  mayPass: boolean
  /** Of a test, as far as they are made. */
  checks: StoreCheck[]
  /** Of a removal: what is gone. */
  objectsRemoved: number
  bytesRemoved: number
}
