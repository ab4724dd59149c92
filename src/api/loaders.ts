/**
 * Loaders: what many objects of one operation need is read in one statement. They batch and never remember, so that a
 * subscription, which is one operation for hours, does not show its viewer the past.
 */
import DataLoader from 'dataloader'
import { visibleNotebooks, watchableSyncs } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import type { NodeSize } from '../domain/capacity.ts'
import type { QuotaUse } from '../domain/quota.ts'
import type { Budget, DataSync, LocalCopy, Notebook, Volume } from '../generated/prisma/client.ts'
import { notebookCosts, projectCosts, projectForecasts } from '../store/costs.ts'
import { readNodes } from '../usecases/flavors.ts'
import type { UseCaseParts } from '../usecases/parts.ts'
import { placesInQueue } from '../usecases/queue.ts'
import { readQuotas } from '../usecases/quota.ts'
import { lastSaves, lastSyncs, lastWorkspaceSyncs } from '../usecases/syncs.ts'

type ById<T> = DataLoader<string, T | null>

export interface Loaders {
  /** Null once deleted, or no longer the viewer's. */
  notebook: ById<Notebook>
  /** Null once no longer the viewer's. */
  sync: ById<DataSync>
  volume: ById<Volume>
  lastSync: ById<DataSync>
  /** By notebook, as the two below. */
  lastWorkspaceSync: ById<DataSync>
  workspaceCopy: ById<LocalCopy>
  lastSavedAt: ById<Date>
  queuePosition: ById<number>
  /** Numerators over 60; null for what never ran. */
  notebookCost: ById<bigint>
  projectCost: ById<bigint>
  projectForecast: ById<bigint>
  quota: ById<QuotaUse>
  /** By project. */
  budget: ById<Budget>
  /** By project. */
  streamEpoch: ById<string>
  nodes: () => Promise<NodeSize[]>
}

export function makeLoaders({ database, catalogue, clock }: UseCaseParts, viewer: Viewer | null): Loaders {
  const nodes = new DataLoader<'all', NodeSize[]>(
    async (keys) => {
      const all = await readNodes(database)
      return keys.map(() => all)
    },
    { cache: false },
  )
  return {
    notebook: batched(async (ids) =>
      viewer
        ? byId(await database.notebook.findMany({ where: { id: { in: [...ids] }, ...visibleNotebooks(viewer) } }))
        : NONE,
    ),
    sync: batched(async (ids) =>
      viewer
        ? byId(await database.dataSync.findMany({ where: { id: { in: [...ids] }, ...watchableSyncs(viewer) } }))
        : NONE,
    ),
    volume: batched(async (ids) => byId(await database.volume.findMany({ where: { id: { in: [...ids] } } }))),
    lastSync: batched((ids) => lastSyncs(database, ids)),
    lastWorkspaceSync: batched((ids) => lastWorkspaceSyncs(database, ids)),
    workspaceCopy: batched(async (ids) => {
      const copies = await database.localCopy.findMany({ where: { target: 'workspace', notebookId: { in: [...ids] } } })
      return new Map(copies.map((copy) => [copy.notebookId, copy]))
    }),
    lastSavedAt: batched((ids) => lastSaves(database, ids)),
    queuePosition: batched((ids) => placesInQueue({ database, catalogue }, ids)),
    notebookCost: batched((ids) => notebookCosts(database, ids, clock.now())),
    projectCost: batched((ids) => projectCosts(database, ids, clock.now())),
    projectForecast: batched((ids) => projectForecasts(database, ids, clock.now())),
    quota: batched((ids) => readQuotas(database, ids)),
    budget: batched(async (ids) => {
      const budgets = await database.budget.findMany({ where: { projectId: { in: [...ids] } } })
      return new Map(budgets.map((budget) => [budget.projectId, budget]))
    }),
    streamEpoch: batched(async (ids) => {
      const rows = await database.project.findMany({
        where: { id: { in: [...ids] } },
        select: { id: true, streamEpoch: true },
      })
      return new Map(rows.map(({ id, streamEpoch }) => [id, streamEpoch]))
    }),
    nodes: () => nodes.load('all'),
  }
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>()

function batched<T>(load: (ids: readonly string[]) => Promise<ReadonlyMap<string, T>>): ById<T> {
  return new DataLoader<string, T | null>(
    async (ids) => {
      const found = await load(ids)
      return ids.map((id) => found.get(id) ?? null)
    },
    { cache: false },
  )
}

function byId<T extends { id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]))
}
