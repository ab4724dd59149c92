/**
 * Saves a volume or the workspace to its bucket.
 *
 * 1. List: walk, manifest and listing are merged; `push-rules.ts` decides each path, and the steps go to a file, in
 *    order. Now the totals are known, and whether the deletions are so many that they are held.
 * 2. Upload, many at once, each on the condition that its key holds what the listing showed; the records are written in
 *    order as a draft of the next manifest.
 * 3. Verify and delete (`verify.ts`): a second listing must show every upload as the store took it, and shows whether
 *    what is to be deleted is still the same.
 * 4. Publish the manifest.
 *
 * Killed anywhere, the next run begins again at 1: uploads are in the recovered draft, or are known by their bytes.
 */
import { agreed, type LocalEntry, type ManifestEntry, type RemoteObject } from './entry.ts'
import type { LineWriter } from './lines.ts'
import { openListing } from './listing.ts'
import { besidePath, isInTheWay, refuseKey } from './names.ts'
import { inOrder } from './parallel.ts'
import { decidePush, type PushRules, type PushStep } from './push-rules.ts'
import { Spool } from './spool.ts'
import type { ObjectHead } from './store.ts'
import { FILES_IN_FLIGHT, RESULTS_WAITING, STEPS_FILE, type Sync, sightings } from './sync.ts'
import { codeOf, PathBlockedError } from './tree.ts'
import { upload } from './upload.ts'
import { verifyAndDelete } from './verify.ts'

interface PushPlan {
  steps: Spool<PushStep>
  /** Whether anything is to change in the bucket. */
  hasWork: boolean
  deletionsHeld: boolean
}

/** Throws what ends the sync: TargetFailure, StoreError, the abort signal's reason, or a bug. */
export async function push(sync: Sync): Promise<void> {
  const steps = await Spool.create<PushStep>(sync.side(STEPS_FILE))
  try {
    await sync.journal.clear(sync.store)
    const plan = await list(sync, steps)
    const draft = await uploadAll(sync, plan)
    if (plan.hasWork) {
      await draft.close()
      await verifyAndDelete(sync, steps, plan.deletionsHeld)
    } else await sync.manifest.publish(draft)
    await sync.journal.clear(sync.store)
  } finally {
    await steps.remove()
  }
}

async function list(sync: Sync, steps: Spool<PushStep>): Promise<PushPlan> {
  const { target, report, progress, content, store } = sync
  const { prefix } = target.source
  const isWorkspace = target.kind === 'workspace'
  let objects = 0
  const listing = await openListing(store, prefix, target.reserved, () => {
    // Its key is no path here, so a push has no business with it; the pull has told.
    objects++
  })
  const rules: PushRules = {
    isWorkspace,
    carriesDeletions: isWorkspace || target.permission === 'RWD',
    bucketMissing: listing.bucketMissing,
    prefix,
  }
  let files = 0
  let bytes = 0
  let deletions = 0
  let hasWork = false
  /** The folder that could not be looked into: what is missing below it is not deleted. */
  let blocked: string | null = null
  for await (const sighting of sightings(sync, listing.objects)) {
    const { path, local, base, remote } = sighting
    if (remote) objects++
    if (local?.problem && path.endsWith('/')) blocked = path
    const isUnseen = !local && (isInTheWay(path, target.reserved) || (blocked !== null && path.startsWith(blocked)))
    const step: PushStep | null = !isUnseen
      ? await decidePush(sighting, rules, content)
      : base && { do: 'keep', path, entry: base, isHere: false }
    if (!step) continue
    await steps.write(step)
    if (step.do === 'upload' || step.do === 'beside') bytes += step.local.size
    if (step.do === 'delete') deletions++
    if (step.do !== 'keep' && step.do !== 'fail') hasWork = true
    if (step.do !== 'fail' && !(step.do === 'keep' && !step.isHere)) files++
    if (step.do === 'fail') report.fail(path, step.message, step.severity)
  }
  await steps.close()
  if (listing.bucketMissing) await store.createBucket()
  progress.totals(files + progress.counters.filesFailed, bytes)
  const deletionsHeld = !isWorkspace && !sync.plan.confirmDeletions && deletions > objects / 2
  if (deletionsHeld) report.deletionsHeld = deletions
  return { steps, hasWork, deletionsHeld }
}

/** The draft of the next manifest, still open. */
async function uploadAll(sync: Sync, { steps }: PushPlan): Promise<LineWriter> {
  const { manifest, progress, report, abort } = sync
  const draft = await manifest.draft()
  const bounds = { width: FILES_IN_FLIGHT, window: RESULTS_WAITING, abort }
  try {
    for await (const entry of inOrder(steps.read(), bounds, attempt)) if (entry) await draft.write(entry)
    return draft
  } catch (error) {
    await draft.close()
    throw error
  }

  async function attempt(step: PushStep): Promise<ManifestEntry | null> {
    try {
      return await carryOut(sync, step)
    } catch (error) {
      const base = 'base' in step ? step.base : null
      if (codeOf(error) === 'ENOENT' && 'local' in step) {
        // It was removed while we worked: the next push sees that it is gone.
        progress.resize(-step.local.size)
        progress.add('filesSkipped')
        return base
      }
      report.take(step.path, error, 'file')
      return base
    }
  }
}

/** Answers what is to be recorded. */
async function carryOut(sync: Sync, step: PushStep): Promise<ManifestEntry | null> {
  const { progress, report } = sync
  switch (step.do) {
    case 'keep':
      if (step.isHere) progress.add('filesSkipped')
      return step.entry
    case 'delete':
    case 'fail':
      return step.base
    case 'upload':
    case 'beside': {
      const entry = await (step.do === 'upload'
        ? uploadInPlace(sync, step)
        : uploadBeside(sync, step.local, step.remote))
      report.succeeded()
      progress.add('filesDone')
      return entry
    }
  }
}

async function uploadInPlace(
  sync: Sync,
  { path, local, over }: Extract<PushStep, { do: 'upload' }>,
): Promise<ManifestEntry> {
  const key = sync.target.source.prefix + path
  const uploaded = await upload(sync, local, key, over === null ? { absent: true } : { etag: over })
  if (uploaded) return agreed(uploaded.local, { etag: uploaded.etag, modified: null })
  const head = await sync.store.head(key)
  if (!head) throw new PathBlockedError('The object keeps changing in the bucket.')
  return uploadBeside(sync, local, asObject(path, head))
}

/** Leaves the object alone: the version here goes beside it, unless the two turn out to be the same. */
async function uploadBeside(sync: Sync, local: LocalEntry, remote: RemoteObject): Promise<ManifestEntry> {
  const { target, plan, store, content, report, progress } = sync
  if (await content.equals(local, remote)) {
    progress.resize(-local.size)
    return agreed(local, { etag: remote.etag, modified: null })
  }
  for (let attempt = 0; ; attempt++) {
    const path = besidePath(local.path, `conflict-${plan.notebook}`, local.mtime, attempt)
    const refusal = refuseKey(target.source.prefix, path)
    if (refusal) throw new PathBlockedError(refusal)
    const key = target.source.prefix + path
    const uploaded = await upload(sync, local, key, { absent: true })
    const head = await store.head(key)
    if (!head) throw new PathBlockedError('The conflict copy is not in the bucket although the store took it.')
    const isOurs = uploaded ? head.etag === uploaded.etag : await content.equals(local, asObject(path, head))
    if (!isOurs) continue
    if (!uploaded) progress.resize(-local.size)
    report.conflict(local.path, path)
    return { ...agreed(uploaded?.local ?? local, remote), mark: 'diverged' }
  }
}

function asObject(path: string, { size, etag, modified }: ObjectHead): RemoteObject {
  return { path, size, etag, modified: modified.toISOString() }
}
