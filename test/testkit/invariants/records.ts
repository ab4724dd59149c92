/** What an invariant is judged by: the database as it is at one moment, and what the engine holds at about the same time. */
import type { ContainerStatus } from '../../../src/engine/port.ts'
import { Prisma } from '../../../src/generated/prisma/client.ts'
import type { Database } from '../../../src/store/database.ts'

const WITH_ALL = {
  volumes: true,
  containers: true,
  localCopies: true,
  syncs: true,
  events: { orderBy: { seq: 'asc' } },
  billingPeriods: { orderBy: { startedAt: 'asc' } },
} satisfies Prisma.NotebookInclude

export type NotebookOnRecord = Prisma.NotebookGetPayload<{ include: typeof WITH_ALL }>
export type ProjectOnRecord = Prisma.ProjectGetPayload<object> & { seqs: bigint[] }

export interface Records {
  projects: ProjectOnRecord[]
  /** Deleted ones too: their history and bill still have to be right. */
  notebooks: NotebookOnRecord[]
  nodes: Prisma.EngineNodeGetPayload<object>[]
}

export interface Seen {
  containers: readonly ContainerStatus[]
  /** Names of the installation's volumes; null: not known. */
  volumes: ReadonlySet<string> | null
}

/** What the database cannot know, and a test does. */
export interface Known {
  /** A sweep went by since all notebooks came to rest: what nobody owns is gone. */
  isSwept: boolean
  /** Ids of notebooks whose user gave up what was not saved. */
  discarded: ReadonlySet<string>
  /** The catalogue's; how much of a node may be held. */
  overcommit: { cpu: number; memory: number }
}

export function readRecords(database: Database): Promise<Records> {
  return database.$transaction(
    async (tx) => {
      const projects = await tx.project.findMany()
      const seqs = await tx.event.findMany({ select: { projectId: true, seq: true }, orderBy: { seq: 'asc' } })
      return {
        projects: projects.map((project) => ({
          ...project,
          seqs: seqs.filter(({ projectId }) => projectId === project.id).map(({ seq }) => seq),
        })),
        notebooks: await tx.notebook.findMany({ include: WITH_ALL, orderBy: { createdAt: 'asc' } }),
        nodes: await tx.engineNode.findMany(),
      }
    },
    { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead, timeout: 30_000 },
  )
}

/** The notebooks that were the same before and after the engine was looked at; only these can be compared with it. */
export function steadyNotebooks(before: Records, after: Records): NotebookOnRecord[] {
  const fingerprints = new Map(before.notebooks.map((notebook) => [notebook.id, fingerprintOf(notebook)]))
  return after.notebooks.filter((notebook) => fingerprints.get(notebook.id) === fingerprintOf(notebook))
}

function fingerprintOf({ eventSeq, generation, containers, localCopies }: NotebookOnRecord): string {
  const ids = containers.map(({ id }) => id).sort()
  const copies = localCopies.map(({ engineVolume, written }) => `${engineVolume}:${written}`).sort()
  return [eventSeq, generation, ...ids, ...copies].join()
}
