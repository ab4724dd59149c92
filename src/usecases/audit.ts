/** The audit log: every mutation that a signed-in caller asked for, done or not. Entries are never changed. */
import { requireRoleInAll } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import type { DomainError } from '../domain/errors.ts'
import { type NodeType, parseId } from '../domain/ids.ts'
import type { AuditEntry, User } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'

export interface AskedMutation {
  mutation: string
  /** The id of the first thing that the input names, as clients see it; null: it names none. */
  subject: string | null
  /** The project that it made, or whose thing it made, where the input does not tell. */
  madeIn: string | null
  /** Why it was refused; null: it was done. "FAULT": a fault of ours, of which the caller gets an id only. */
  refusal: DomainError | 'FAULT' | null
}

/** Writes it down. Throws what the database does: what cannot be put on record does not look well done. */
export async function recordMutation(database: Database, viewer: Viewer, asked: AskedMutation): Promise<void> {
  const { mutation, subject, madeIn, refusal } = asked
  const projectId = (subject && (await projectOf(database, subject))) || madeIn
  const outcome = refusal === null ? 'DONE' : refusal === 'FAULT' ? 'FAILED' : 'REFUSED'
  const reason = refusal === null || refusal === 'FAULT' ? {} : { code: refusal.code, message: refusal.message }
  const { userId, tokenId } = viewer
  await database.auditEntry.create({ data: { projectId, userId, tokenId, mutation, subject, outcome, ...reason } })
}

/** In whose project a thing is, or was, whoever asks; null: in none, or there never was such a thing. */
async function projectOf(database: Database, subject: string): Promise<string | null> {
  const id = parseId(subject)
  return id && PROJECT_OF[id.type](database, id.uuid)
}

const PROJECT_OF: Readonly<Record<NodeType, (database: Database, id: string) => Promise<string | null>>> = {
  Project: async (database, id) => ((await database.project.count({ where: { id } })) > 0 ? id : null),
  DataStore: async (database, id) => (await database.dataStore.findUnique({ where: { id } }))?.projectId ?? null,
  Notebook: async (database, id) => (await database.notebook.findUnique({ where: { id } }))?.projectId ?? null,
  Volume: async (database, id) => ofNotebook(await database.volume.findUnique({ where: { id }, ...WITH_NOTEBOOK })),
  DataSync: async (database, id) => ofNotebook(await database.dataSync.findUnique({ where: { id }, ...WITH_NOTEBOOK })),
  BillingPeriod: async (database, id) =>
    (await database.billingPeriod.findUnique({ where: { id } }))?.projectId ?? null,
  ApiToken: async (database, id) => (await database.apiToken.findUnique({ where: { id } }))?.projectId ?? null,
  User: async () => null,
}

const WITH_NOTEBOOK = { select: { notebook: { select: { projectId: true } } } } as const

function ofNotebook(row: { notebook: { projectId: string } } | null): string | null {
  return row?.notebook.projectId ?? null
}

export type AuditEntryWithUser = AuditEntry & { user: User }

/** A page of a project's log. For its owners. Throws NotFoundError, ForbiddenError. */
export async function readAuditLog(
  database: Database,
  viewer: Viewer,
  projectId: string,
  { where, ...page }: { where: object; orderBy: object[]; take: number },
): Promise<AuditEntryWithUser[]> {
  await requireRoleInAll(database, viewer, 'OWNER', 'Project', projectId)
  return database.auditEntry.findMany({ ...page, where: { AND: [{ projectId }, where] }, include: { user: true } })
}
