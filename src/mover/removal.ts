/** Removes here what the bucket no longer has, before anything is fetched: files and folders may take each other's place. */
import type { PullStep } from './pull-rules.ts'
import { isMirror, isStill, type Sync } from './sync.ts'

type Removal = Extract<PullStep, { do: 'remove' }>

/** What changed since the walk saw it stays. */
export async function removeWhatIsGone(sync: Sync, steps: AsyncIterable<PullStep>): Promise<void> {
  const { tree, progress, report, signal } = sync
  const folders: string[] = []
  for await (const step of steps) {
    if (step.do !== 'remove') continue
    signal.throwIfAborted()
    try {
      if (step.path.endsWith('/')) folders.push(step.path)
      else await removeFile(sync, step)
    } catch (error) {
      report.take(step.path, error, 'told')
    }
  }
  // From the deepest up; one that still has content stays.
  for (const path of folders.reverse()) {
    try {
      tree.removeFolder(path)
      progress.add('filesDeleted')
    } catch (error) {
      report.take(path, error, 'told')
    }
  }
}

async function removeFile(sync: Sync, step: Removal): Promise<void> {
  const { path } = step
  const { tree, target, progress } = sync
  if (!isMirror(target) && !(await isStill(sync, tree.stat(path), step))) {
    progress.add('filesSkipped')
    return
  }
  tree.removeFile(path)
  progress.add('filesDeleted')
  // Of a volume's folders the bucket knows nothing: one that becomes empty goes with its last file.
  if (target.kind === 'volume') removeEmptyFolders(sync, path)
}

function removeEmptyFolders({ tree }: Sync, path: string): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    if (!tree.removeFolder(path.slice(0, end + 1))) return
}
