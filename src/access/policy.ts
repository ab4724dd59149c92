/**
 * Who may do what; the only place that decides it. Whoever is no member of a project cannot tell its things from things
 * that do not exist; a member whose role is too low is told so.
 */
import { ForbiddenError } from '../domain/errors.ts'
import { type NodeType, notFound } from '../domain/ids.ts'
import type { Prisma, Role } from '../generated/prisma/client.ts'
import type { Database, Transaction } from '../store/database.ts'
import type { Viewer } from './tokens.ts'

/** READER: list and watch. OPERATOR: also create, run, stop, delete. OWNER: also members, tokens and limits. */
const RANK: Readonly<Record<Role, number>> = { READER: 1, OPERATOR: 2, OWNER: 3 }

/** Where clauses of what the viewer may see. Deleted projects and notebooks are seen by nobody. */
export function visibleProjects(viewer: Viewer) {
  return { deletedAt: null, members: { some: { userId: viewer.userId } } } satisfies Prisma.ProjectWhereInput
}

export function visibleNotebooks(viewer: Viewer) {
  return { deletedAt: null, project: visibleProjects(viewer) } satisfies Prisma.NotebookWhereInput
}

/** Also those of deleted notebooks, which a project's events still tell of. */
export function watchableSyncs(viewer: Viewer) {
  return { notebook: { project: visibleProjects(viewer) } } satisfies Prisma.DataSyncWhereInput
}

/** Whether the viewer may see that very thing. A thing of a notebook is seen by whoever sees the notebook. */
export async function maySee(database: Database, viewer: Viewer, type: NodeType, id: string): Promise<boolean> {
  const notebook = visibleNotebooks(viewer)
  switch (type) {
    case 'Project':
      return (await database.project.count({ where: { id, ...visibleProjects(viewer) } })) > 0
    case 'DataStore':
      return (await database.dataStore.count({ where: { id, deletedAt: null, project: visibleProjects(viewer) } })) > 0
    case 'Notebook':
      return (await database.notebook.count({ where: { id, ...notebook } })) > 0
    case 'Volume':
      return (await database.volume.count({ where: { id, notebook } })) > 0
    case 'DataSync':
      return (await database.dataSync.count({ where: { id, notebook } })) > 0
    case 'BillingPeriod':
      return (await database.billingPeriod.count({ where: { id, notebook } })) > 0
  }
}

const PROJECT_OF = {
  Project: (id: string) => ({ id }),
  DataStore: (id: string) => ({ dataStores: { some: { id, deletedAt: null } } }),
  Notebook: (id: string) => ({ notebooks: { some: { id, deletedAt: null } } }),
  DataSync: (id: string) => ({ notebooks: { some: { deletedAt: null, syncs: { some: { id } } } } }),
} satisfies Partial<Record<NodeType, (id: string) => Prisma.ProjectWhereInput>>

/**
 * Throws NotFoundError when the thing is not there or the viewer is no member of its project, and ForbiddenError when the
 * viewer's role is below `least`.
 */
export async function requireRole(
  database: Database | Transaction,
  viewer: Viewer,
  least: Role,
  type: keyof typeof PROJECT_OF,
  id: string,
): Promise<void> {
  const member = await database.member.findFirst({
    where: { userId: viewer.userId, project: { deletedAt: null, ...PROJECT_OF[type](id) } },
    select: { role: true },
  })
  if (!member) throw notFound(type)
  if (RANK[member.role] < RANK[least])
    throw new ForbiddenError(`This needs the role ${least} in the project; yours is ${member.role}.`)
}

/**
 * For what only those may do who look after the installation, also in projects of which they are no members. Throws
 * NotFoundError to whoever is neither, so that nothing can be probed, and ForbiddenError to other members.
 */
export async function requireOperator(
  database: Database,
  viewer: Viewer,
  type: keyof typeof PROJECT_OF,
  id: string,
): Promise<void> {
  if ((await database.user.count({ where: { id: viewer.userId, isOperator: true } })) > 0) return
  await requireRole(database, viewer, 'READER', type, id)
  throw new ForbiddenError('This is for those who look after the installation.')
}

/** Whether the viewer, with the token it came with, may still watch the project. Asked again whenever access changed. */
export async function mayWatch(database: Database, viewer: Viewer, projectId: string): Promise<boolean> {
  const [verdict] = await database.$queryRaw<[{ may: boolean }]>`
    SELECT EXISTS (
      SELECT FROM "ApiToken" AS token
      JOIN "Member" AS member USING ("userId")
      JOIN "Project" AS project ON project."id" = member."projectId"
      WHERE token."id" = ${viewer.tokenId}::uuid AND token."revokedAt" IS NULL AND token."expiresAt" > now()
        AND member."projectId" = ${projectId}::uuid AND project."deletedAt" IS NULL
    ) AS "may"`
  return verdict.may
}
