/**
 * One target's sync from opening its directories to the result. Whatever is thrown on the way becomes one of three kinds of
 * error with a sentence for people; only a cancellation is thrown on.
 */
import { join } from 'node:path'
import { BodyMemory } from './body-memory.ts'
import { Content } from './content.ts'
import { UploadJournal } from './journal.ts'
import { Manifest } from './manifest.ts'
import { OutOfOrderError } from './merge.ts'
import { Progress } from './progress.ts'
import { type Plan, PROTOCOL, type ProgressLine, type Target, type TargetError, type TargetResult } from './protocol.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { Report, TargetFailure } from './report.ts'
import { type ObjectStore, StoreError } from './store.ts'
import { isMirror } from './sync.ts'
import { codeOf, Tree } from './tree.ts'

const JOURNAL_FILE = 'uploads.jsonl'

export interface RunParts {
  openStore: (target: Target, signal: AbortSignal) => ObjectStore
  write: (line: ProgressLine) => void
  /** Told of what was not foreseen, for the log. */
  onBug: (error: unknown) => void
}

/** Throws the signal's reason when it was cancelled, and nothing else. */
export async function runTarget(
  plan: Plan,
  target: Target,
  parts: RunParts,
  signal: AbortSignal,
): Promise<TargetResult> {
  const startedAt = new Date().toISOString()
  const { operation, direction } = plan
  const head = { protocol: PROTOCOL, operation, target: target.id } as const
  const progress = new Progress((stage, counters) => parts.write({ ...head, stage, ...counters }))
  const report = new Report(() => progress.add('filesFailed'))
  let error: TargetError | null
  try {
    await sync(plan, target, parts, signal, progress, report)
    error = report.outcome()
  } catch (thrown) {
    signal.throwIfAborted()
    error = report.ended(explain(thrown))
    if (error.kind === 'bug') parts.onBug(thrown)
  }
  progress.end(error ? 'failed' : 'done')
  return {
    ...head,
    direction,
    state: error ? 'failed' : 'done',
    error,
    failures: report.failures,
    conflicts: report.conflicts,
    deletionsHeld: report.deletionsHeld,
    ...progress.counters,
    startedAt,
    endedAt: new Date().toISOString(),
  }
}

async function sync(
  plan: Plan,
  target: Target,
  parts: RunParts,
  cancelled: AbortSignal,
  progress: Progress,
  report: Report,
): Promise<void> {
  if (plan.direction === 'push' && isMirror(target)) return progress.totals(0, 0)
  progress.stage('listing')
  const failed = new AbortController()
  const signal = AbortSignal.any([cancelled, failed.signal])
  const abort = (reason: unknown) => failed.abort(reason)
  const tree = new Tree(target.dataDir)
  const store = parts.openStore(target, signal)
  try {
    const manifest = new Manifest(target.sideDir, tree.identity(), target.source)
    await manifest.recover()
    const side = (name: string) => join(target.sideDir, name)
    const content = new Content(tree, store, target.source.prefix, signal)
    const journal = new UploadJournal(side(JOURNAL_FILE))
    const memory = new BodyMemory()
    const work = {
      plan,
      target,
      store,
      tree,
      manifest,
      content,
      journal,
      progress,
      report,
      memory,
      signal,
      abort,
      side,
    }
    await (plan.direction === 'pull' ? pull(work) : push(work))
  } catch (error) {
    // What one file met ended the others: that is the reason, not how they ended.
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    store.close()
    tree.close()
  }
}

function explain(error: unknown): TargetError {
  if (error instanceof TargetFailure)
    return { kind: error.kind, message: error.message, ...(error.diskFull && { diskFull: true }) }
  if (error instanceof StoreError)
    return { kind: error.kind === 'unavailable' ? 'store' : 'data', message: error.message }
  if (error instanceof OutOfOrderError)
    return { kind: 'data', message: `The store lists its objects in an order that S3 does not have. ${error.message}` }
  const message = error instanceof Error ? error.message : String(error)
  if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT')
    return { kind: 'data', message: `The disk is full: ${message}.`, diskFull: true }
  return { kind: 'bug', message: `The mover failed in a way that was not foreseen: ${message}.` }
}
