/**
 * Who may do what; the only place that decides it. Whoever is no member of a project cannot tell its things from things
 * that do not exist; a member whose role is too low is told so.
 */
import { ForbiddenError } from '../domain/errors.ts'
import { type NodeType, notFound } from '../domain/ids.ts'
import type { Prisma, Role } from '../generated/prisma/client.ts'
import type { Database, Transaction } from '../store/database.ts'
import type { TokenScope, Viewer } from './tokens.ts'

/** READER: list and watch. OPERATOR: also create, run, stop, delete. OWNER: also members. */
const RANK: Readonly<Record<Role, number>> = { READER: 1, OPERATOR: 2, OWNER: 3 }

/** Where clauses of what the viewer may see, by membership and token. Deleted projects and notebooks are seen by nobody. */
export function visibleProjects({ userId, scope: { projectId } }: Viewer) {
  const ofToken: Prisma.ProjectWhereInput[] = projectId === null ? [] : [{ id: projectId }]
  return { deletedAt: null, members: { some: { userId } }, AND: ofToken } satisfies Prisma.ProjectWhereInput
}

export function visibleNotebooks(viewer: Viewer) {
  return { ...watchableNotebooks(viewer), deletedAt: null } satisfies Prisma.NotebookWhereInput
}

/** Also deleted ones, which a project's events still tell of. */
export function watchableNotebooks(viewer: Viewer) {
  const { label } = viewer.scope
  return {
    project: visibleProjects(viewer),
    ...(label && { labels: { some: label } }),
  } satisfies Prisma.NotebookWhereInput
}

export function watchableSyncs(viewer: Viewer) {
  return { notebook: watchableNotebooks(viewer) } satisfies Prisma.DataSyncWhereInput
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
    case 'ApiToken':
      return (await database.apiToken.count({ where: { AND: [{ id }, ownTokens(viewer)] } })) > 0
    case 'User':
      return false
  }
}

/** What roles are asked for: in a project, or in that of a thing. */
type Subject = 'Project' | 'DataStore' | 'Notebook' | 'DataSync'

function projectOf(viewer: Viewer, type: Subject, id: string): Prisma.ProjectWhereInput {
  switch (type) {
    case 'Project':
      return { id }
    case 'DataStore':
      return { dataStores: { some: { id, deletedAt: null } } }
    case 'Notebook':
      return { notebooks: { some: { id, ...visibleNotebooks(viewer) } } }
    case 'DataSync':
      return { notebooks: { some: { ...visibleNotebooks(viewer), syncs: { some: { id } } } } }
  }
}

/**
 * Throws NotFoundError when the thing is not there or not the viewer's to see, and ForbiddenError when the viewer's role, or
 * the token's, is below `least`.
 */
export async function requireRole(
  database: Database | Transaction,
  viewer: Viewer,
  least: Role,
  type: Subject,
  id: string,
): Promise<void> {
  const project = { AND: [visibleProjects(viewer), projectOf(viewer, type, id)] }
  const member = await database.member.findFirst({
    where: { userId: viewer.userId, project },
    select: { role: true },
  })
  if (!member) throw notFound(type)
  if (RANK[member.role] < RANK[least])
    throw new ForbiddenError(`This needs the role ${least} in the project; yours is ${member.role}.`)
  if (RANK[viewer.scope.role] < RANK[least])
    throw new ForbiddenError(`This needs the role ${least}; your token has ${viewer.scope.role}.`)
}

/** For what concerns all notebooks of a project, such as its members and stores. Throws as `requireRole` does. */
export async function requireRoleInAll(
  database: Database | Transaction,
  viewer: Viewer,
  least: Role,
  type: 'Project' | 'DataStore',
  id: string,
): Promise<void> {
  await requireRole(database, viewer, least, type, id)
  const { label } = viewer.scope
  if (label) throw new ForbiddenError(`Your token is for notebooks with the label ${label.name}=${label.value} only.`)
}

/** Whether the token may do all that its user may. */
export function isUnlimited({ scope: { role, projectId, label } }: Viewer): boolean {
  return role === 'OWNER' && projectId === null && label === null
}

/** Throws ForbiddenError when the token may do less than its user. */
export function requireUnlimited(viewer: Viewer): void {
  if (!isUnlimited(viewer)) throw new ForbiddenError('This needs a token without limits of its own.')
}

/** Throws ForbiddenError when a token with the scope that is asked for could do more than the viewer's. */
export function requireWithin({ scope: own }: Viewer, asked: TokenScope): void {
  const { label } = own
  const hasLabel = label === null || (asked.label?.name === label.name && asked.label.value === label.value)
  const hasProject = own.projectId === null || asked.projectId === own.projectId
  if (!hasLabel || !hasProject || RANK[asked.role] > RANK[own.role])
    throw new ForbiddenError('Your token cannot make one that may do more than itself.')
}

/** The tokens that the viewer may list and revoke: its user's, or with a limited token that one alone. */
export function ownTokens(viewer: Viewer) {
  const { userId, tokenId } = viewer
  return { userId, revokedAt: null, ...(!isUnlimited(viewer) && { id: tokenId }) } satisfies Prisma.ApiTokenWhereInput
}

/**
 * For what only those may do who look after the installation, also in projects of which they are no members. Throws
 * NotFoundError to whoever is neither, so that nothing can be probed, and ForbiddenError to other members.
 */
export async function requireOperator(database: Database, viewer: Viewer, type: Subject, id: string): Promise<void> {
  if (await isOperator(database, viewer)) return requireUnlimited(viewer)
  await requireRole(database, viewer, 'READER', type, id)
  throw new ForbiddenError('This is for those who look after the installation.')
}

/** Whether the viewer looks after the installation. */
export async function isOperator(database: Database, { userId }: Viewer): Promise<boolean> {
  return (await database.user.count({ where: { id: userId, isOperator: true } })) > 0
}

/**
 * Whether the viewer, with the token it came with, may still watch the project, or that notebook of it. Asked again
 * whenever access changed.
 */
export async function mayWatch(
  database: Database,
  viewer: Viewer,
  { projectId, notebookId }: { projectId: string; notebookId: string | null },
): Promise<boolean> {
  const [verdict] = await database.$queryRaw<[{ may: boolean }]>`
    SELECT EXISTS (
      SELECT FROM "ApiToken" AS token
      JOIN "Member" AS member USING ("userId")
      JOIN "Project" AS project ON project."id" = member."projectId"
      WHERE token."id" = ${viewer.tokenId}::uuid AND token."revokedAt" IS NULL AND token."expiresAt" > now()
        AND member."projectId" = ${projectId}::uuid AND project."deletedAt" IS NULL
        AND coalesce(token."projectId", member."projectId") = member."projectId"
        AND (${notebookId}::uuid IS NULL OR token."labelName" IS NULL OR EXISTS (
          SELECT FROM "NotebookLabel" AS label WHERE label."notebookId" = ${notebookId}::uuid
          AND label."name" = token."labelName" AND label."value" = token."labelValue"
        ))
    ) AS "may"`
  return verdict.may
}
