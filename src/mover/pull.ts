/**
 * Brings a volume or the workspace up to its bucket.
 *
 * 1. List: walk, manifest and listing are merged; `pull-rules.ts` decides each path, and the steps go to a file, in
 *    order. Now the totals are known, and whether the disk can hold them.
 * 2. Remove what the bucket no longer has, so that files and folders may take each other's place.
 * 3. Fetch, many at once, each aside and renamed into place; their records are written in order as the next manifest.
 * 4. Publish the manifest.
 *
 * Killed anywhere, the next run begins again at 1: files that were renamed into place are in the recovered manifest, or
 * are known by their bytes. A file that changes here between 1 and 3 is not touched: the object is laid beside it.
 */
import { fetchAside, settle } from './download.ts'
import { agreed, type ManifestEntry, type RemoteObject } from './entry.ts'
import { openListing } from './listing.ts'
import { fromDate, fromMetadata } from './metadata.ts'
import { inTheWay, makeMountPoints, refuseWhatIsInTheWay } from './mount-points.ts'
import { besidePath, isInTheWay } from './names.ts'
import { inOrder } from './parallel.ts'
import { decidePull, type PullRules, type PullStep } from './pull-rules.ts'
import { removeWhatIsGone } from './removal.ts'
import { TargetFailure } from './report.ts'
import { Shadows } from './shadows.ts'
import { Spool } from './spool.ts'
import { StoreError } from './store.ts'
import { FILES_IN_FLIGHT, isMirror, isStill, RESULTS_WAITING, STEPS_FILE, type Sync, sightings } from './sync.ts'
import { codeOf } from './tree.ts'

interface PullPlan {
  steps: Spool<PullStep>
  shadows: Shadows
  hasRemovals: boolean
}

/** Throws what ends the sync: TargetFailure, StoreError, the abort signal's reason, or a bug. */
export async function pull(sync: Sync): Promise<void> {
  refuseWhatIsInTheWay(sync)
  makeMountPoints(sync)
  sync.tree.prepareAside()
  const steps = await Spool.create<PullStep>(sync.side(STEPS_FILE))
  try {
    const plan = await list(sync, steps)
    if (plan.hasRemovals) await removeWhatIsGone(sync, steps.read())
    await fetchAll(sync, plan)
  } finally {
    sync.tree.discardAside()
    await steps.remove()
  }
}

async function list(sync: Sync, steps: Spool<PullStep>): Promise<PullPlan> {
  const { target, report, progress, content, store } = sync
  const listing = await openListing(store, target.source.prefix, target.reserved, (path, message) =>
    report.fail(path, message, 'told'),
  )
  if (listing.bucketMissing && isMirror(target))
    throw new StoreError('bucket-missing', `There is no bucket "${target.source.bucket}" to read from.`)
  const rules: PullRules = {
    isMirror: isMirror(target),
    deletionsStay: target.kind === 'workspace' || target.permission === 'RWD',
    bucketMissing: listing.bucketMissing,
  }
  const plan: PullPlan = { steps, shadows: new Shadows(), hasRemovals: false }
  let files = 0
  let total = 0
  let growth = 0
  for await (const sighting of sightings(sync, listing.objects)) {
    const { path, local, remote } = sighting
    const [place] = remote ? target.reserved.filter((reserved) => isInTheWay(path, [reserved])) : []
    if (place) throw inTheWay(path, place)
    const step = await decidePull(sighting, rules, content)
    const bytes = step?.do === 'get' || step?.do === 'beside' ? step.remote.size : 0
    if (remote) total -= plan.shadows.see(path, bytes)
    if (!step) continue
    total += bytes
    growth += bytes - (step.do === 'get' ? (local?.size ?? 0) : 0)
    if (step.do === 'remove') plan.hasRemovals = true
    if (step.do === 'fail') report.fail(path, step.message, 'told')
    else files++
    await steps.write(step)
  }
  await steps.close()
  progress.totals(files + progress.counters.filesFailed, total)
  if (growth > 0 && growth > sync.tree.disk().free - reserveOf(sync)) throw diskFull(sync)
  return plan
}

/** What a pull leaves free, in bytes: a node whose disk is full cannot save what its notebooks wrote. */
function reserveOf({ plan: { diskReserve }, tree }: Sync): number {
  return Math.max(diskReserve.bytes, diskReserve.share * tree.disk().size)
}

function diskFull(sync: Sync): TargetFailure {
  const needed = mebibytes(sync.progress.counters.bytesTotal ?? 0)
  const free = mebibytes(sync.tree.disk().free)
  const reserve = mebibytes(reserveOf(sync))
  const why = `this pull needs ${needed} in all; ${free} are free, of which ${reserve} stay in reserve`
  return new TargetFailure('data', `The disk is full: ${why}.`, { diskFull: true })
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

async function fetchAll(sync: Sync, plan: PullPlan): Promise<void> {
  const { manifest, report, abort } = sync
  const draft = await manifest.draft()
  const bounds = { width: FILES_IN_FLIGHT, window: RESULTS_WAITING, abort }
  try {
    for await (const entry of inOrder(plan.steps.read(), bounds, attempt)) if (entry) await draft.write(entry)
  } catch (error) {
    await draft.close()
    throw error
  }
  await manifest.publish(draft)

  async function attempt(step: PullStep): Promise<ManifestEntry | null> {
    try {
      return await carryOut(sync, plan, step)
    } catch (error) {
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw diskFull(sync)
      report.take(step.path, error, 'told')
      return 'base' in step ? step.base : null
    }
  }
}

/** Answers what is to be recorded. */
async function carryOut(sync: Sync, { shadows }: PullPlan, step: PullStep): Promise<ManifestEntry | null> {
  const { progress, report } = sync
  switch (step.do) {
    case 'keep':
      progress.add('filesSkipped')
      return step.entry
    case 'remove':
      return null
    case 'fail':
      return step.base
    case 'folder':
      return makeFolder(sync, step.remote)
    case 'get':
    case 'beside':
      if (!shadows.hides(step.path)) return fetch(sync, step)
      report.fail(
        step.path,
        'Other objects lie below this name: no file system has both a file and a folder of it.',
        'told',
      )
      return null
  }
}

async function makeFolder(sync: Sync, remote: RemoteObject): Promise<ManifestEntry> {
  const { tree, store, target, progress } = sync
  const head = target.kind === 'workspace' ? await store.head(target.source.prefix + remote.path) : null
  const { mode } = fromMetadata(remote.path, head?.metadata ?? {}, new Date(remote.modified))
  const local = tree.makeFolder(remote.path, mode)
  progress.add('filesDone')
  return agreed(local, remote)
}

async function fetch(sync: Sync, step: Extract<PullStep, { do: 'get' | 'beside' }>): Promise<ManifestEntry | null> {
  const { tree, target, progress, report } = sync
  const fetched = await fetchAside(sync, step.remote)
  if (!fetched) {
    progress.add('filesSkipped')
    return 'base' in step ? step.base : null
  }
  report.succeeded()
  const now = isMirror(target) ? null : tree.stat(step.path)
  if (now === null || (step.do === 'get' && (await isStill(sync, now, step)))) {
    const local = settle(sync, fetched, step.path)
    progress.add('filesDone')
    return agreed(local, fetched)
  }
  const keptAs = await freeName(sync, step.remote)
  settle(sync, fetched, keptAs)
  report.conflict(step.path, keptAs)
  progress.add('filesDone')
  return { ...agreed(now, fetched), mark: 'unpushed' }
}

/** A name beside the path that nothing has, or that this very version has from an earlier try. */
async function freeName({ tree, content }: Sync, remote: RemoteObject): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const path = besidePath(remote.path, 'remote', fromDate(new Date(remote.modified)), attempt)
    const found = tree.stat(path)
    if (!found || (await content.equals({ ...found, path }, remote))) return path
  }
}
