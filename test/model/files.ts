/** Whether what notebooks wrote is in the buckets, at the end of all. */
import { contentOf, firstFile } from '../../src/engine/fake/scribe.ts'
import type { Lab } from './lab.ts'

/** Every generation that ran left a file in its workspace, which has to be in the bucket, unless its user gave it up. */
export function missingFiles({ daemon, workspaceBucket, discarded }: Lab): string[] {
  const objects = daemon.store.bucket(workspaceBucket)
  return daemon.history.flatMap((entry) => {
    if (entry.what !== 'started' || entry.identity.role !== 'notebook') return []
    const { notebook, generation } = entry.identity
    const key = `${notebook}/${firstFile(generation)}`
    const content = contentOf({ notebook }, '/workspace', firstFile(generation))
    return discarded.has(notebook) || objects.get(key)?.equals(content) ? [] : [key]
  })
}
