/**
 * What is in the engine under this installation's name and not in its database: left by a time that a restored database does
 * not know. Nothing here changes anything.
 */
import { contentOfVolume } from '../domain/volume-names.ts'
import type { ContainerEngine, ContainerStatus } from '../engine/port.ts'
import type { Database } from '../store/database.ts'

interface Orphan {
  name: string
  notebookId: string
  /** Of the notebook, where the database knows it. */
  notebookName: string | null
  since: Date | null
}

export interface OrphanContainer extends Orphan {
  kind: 'container'
  status: ContainerStatus
}

export interface OrphanVolume extends Orphan {
  kind: 'volume'
  /** "workspace", a mount path or a volume's id, "side" for manifests; null: its name does not tell. */
  content: string | null
}

export interface Orphans {
  containers: OrphanContainer[]
  volumes: OrphanVolume[]
}

/** The engine is asked first: what is made in it meanwhile is on record before. */
export async function findOrphans(database: Database, engine: ContainerEngine): Promise<Orphans> {
  const [listed, volumes] = await Promise.all([engine.list(), engine.listVolumes()])
  const [records, copies, sides] = await Promise.all([
    database.container.findMany({ select: { id: true } }),
    database.localCopy.findMany({ select: { engineVolume: true } }),
    database.notebook.findMany({ where: { sideVolume: { not: null } }, select: { sideVolume: true } }),
  ])
  const recorded = new Set(records.map(({ id }) => id))
  const known = new Set<string | null>([
    ...copies.map(({ engineVolume }) => engineVolume),
    ...sides.map(({ sideVolume }) => sideVolume),
  ])
  // What never ran holds nothing, and is cleared away by itself.
  const strangers = listed.filter(({ id, state }) => !recorded.has(id) && state !== 'created')
  const unknown = await stillThere(
    engine,
    volumes.filter(({ name }) => !known.has(name)),
  )
  const ids = [...strangers.map(({ identity }) => identity.notebook), ...unknown.map(({ notebook }) => notebook)]
  const notebooks = await database.notebook.findMany({
    where: { id: { in: ids } },
    select: { id: true, name: true, volumes: { select: { id: true, mountPath: true } } },
  })
  const notebookOf = (id: string) => notebooks.find((notebook) => notebook.id === id)
  return {
    containers: strangers.map((status) => ({
      kind: 'container',
      name: status.id,
      notebookId: status.identity.notebook,
      notebookName: notebookOf(status.identity.notebook)?.name ?? null,
      since: status.createdAt,
      status,
    })),
    volumes: unknown.map(({ name, notebook: id, createdAt }) => {
      const notebook = notebookOf(id)
      const content = contentOfVolume(name, id)
      const mountPath = notebook?.volumes.find((volume) => volume.id === content)?.mountPath
      const notebookName = notebook?.name ?? null
      return { kind: 'volume', name, notebookId: id, notebookName, since: createdAt, content: mountPath ?? content }
    }),
  }
}

/** One that was on record may have gone since, and its record with it. */
async function stillThere<T extends { name: string }>(engine: ContainerEngine, volumes: readonly T[]): Promise<T[]> {
  const verdicts = await Promise.all(volumes.map(({ name }) => engine.volumeIsThere(name)))
  return volumes.filter((_, index) => verdicts[index])
}
