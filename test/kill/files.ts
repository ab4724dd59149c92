/** Whether any file that a notebook ever wrote is missing, or other than it was written. */
import type { HistoryEntry } from '../../src/engine/fake/history.ts'
import { contentOf, DOOMED, firstFile, lastFile, seenFile, sha256 } from '../../src/engine/fake/scribe.ts'
import { bucketOf, mountPathOf, PERMISSIONS, WORKSPACES, type World } from './world.ts'

/** A place that a notebook writes to, with the files that its bucket has of it. */
interface Place {
  path: string
  saved: ReadonlyMap<string, Buffer>
}

/** Sentences that say what is wrong in the buckets, once everything is saved. All its runs ended by SIGTERM. */
export async function fileFaults(w: World, notebook: string): Promise<string[]> {
  const generations = generationsOf(await w.control.history(w.installation), notebook)
  const [workspace, ...volumes] = await placesOf(w, notebook)
  if (!workspace) throw new Error('A notebook has a workspace')
  return [
    ...generations.flatMap((generation) =>
      [workspace, ...volumes].flatMap((place) => lost(place, notebook, generation)),
    ),
    ...generations.flatMap((generation) => unseen(workspace, volumes, notebook, generation, generations)),
    ...(await doomedFaults(w)),
  ]
}

/** Of the containers of the notebook that ever ran. */
export function generationsOf(history: readonly HistoryEntry[], notebook: string): number[] {
  return history.flatMap((entry) =>
    entry.what === 'started' && entry.identity.role === 'notebook' && entry.identity.notebook === notebook
      ? [entry.identity.generation]
      : [],
  )
}

async function placesOf({ control }: World, notebook: string): Promise<Place[]> {
  const objects = await control.objects(WORKSPACES)
  const prefix = `${notebook}/`
  const own = [...objects]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, content]) => [key.slice(prefix.length), content] as const)
  const volumes = PERMISSIONS.filter((permission) => permission !== 'RO').map(async (permission) => ({
    path: mountPathOf(permission),
    saved: await control.objects(bucketOf(permission)),
  }))
  return [{ path: '/workspace', saved: new Map(own) }, ...(await Promise.all(volumes))]
}

/** What a generation wrote, at its start and at its end. */
function lost({ path, saved }: Place, notebook: string, generation: number): string[] {
  return [firstFile(generation), lastFile(generation)]
    .filter((name) => !saved.get(name)?.equals(contentOf({ notebook }, path, name)))
    .map((name) => `${path}/${name} is not in its bucket as it was written.`)
}

/** What those before it had written, and what was in the buckets, a generation found when it started. */
function unseen(workspace: Place, volumes: Place[], notebook: string, generation: number, all: number[]): string[] {
  const seen = JSON.parse(workspace.saved.get(seenFile(generation))?.toString() ?? '{}') as Record<string, string>
  const written = all
    .filter((earlier) => earlier < generation)
    .flatMap((earlier) => [firstFile(earlier), lastFile(earlier)])
    .flatMap((name) =>
      [workspace, ...volumes].map(({ path }) => [path, name, contentOf({ notebook }, path, name)] as const),
    )
  const given = PERMISSIONS.map(
    (permission) => [mountPathOf(permission), 'kept', Buffer.from(`kept in ${permission}`)] as const,
  )
  return [...written, ...given]
    .filter(([path, name, content]) => seen[`${path}/${name}`] !== sha256(content))
    .map(([path, name]) => `Generation ${generation} did not find ${path}/${name} as it was.`)
}

/** Removed in the notebook, a file goes from the bucket of an RWD volume only. */
async function doomedFaults({ control }: World): Promise<string[]> {
  const faults = PERMISSIONS.map(async (permission) => {
    const isThere = (await control.objects(bucketOf(permission))).has(DOOMED)
    if (isThere === (permission !== 'RWD')) return []
    return [`${DOOMED} is ${isThere ? 'still' : 'not'} in the bucket of the ${permission} volume.`]
  })
  return (await Promise.all(faults)).flat()
}
