/**
 * Who belongs to a project, and in which role. Every change raises the project's access epoch, by which streams that are open
 * learn of it. A project always has an owner.
 */
import { requireRoleInAll } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { ConflictError } from '../domain/errors.ts'
import { notFound, requireId } from '../domain/ids.ts'
import { nameProblem, Problems } from '../domain/problems.ts'
import type { Member, Role, User } from '../generated/prisma/client.ts'
import { changeAccess } from '../store/access.ts'
import type { Transaction } from '../store/database.ts'
import type { UseCaseParts } from './parts.ts'

export type MemberWithUser = Member & { user: User }

export interface AddMemberInput {
  projectId: string
  userName: string
  role: Role
}

/**
 * Who is a member already gets the role. A user whom nobody knows yet is made: they get in once somebody gives them a token.
 * Throws NotFoundError, ForbiddenError, ValidationError, and ConflictError rather than leave a project without an owner.
 */
export async function addMember(
  { database }: UseCaseParts,
  viewer: Viewer,
  { userName, role, ...input }: AddMemberInput,
): Promise<MemberWithUser> {
  const projectId = requireId('Project', input.projectId)
  await requireRoleInAll(database, viewer, 'OWNER', 'Project', projectId)
  const problems = new Problems()
  problems.note('userName', nameProblem(userName))
  problems.throwIfAny()
  return database.$transaction(async (tx) => {
    await changeAccess(tx, { id: projectId })
    const user = await tx.user.upsert({ where: { name: userName }, create: { name: userName }, update: {} })
    const userId = user.id
    const member = await tx.member.upsert({
      where: { userId_projectId: { userId, projectId } },
      create: { userId, projectId, role },
      update: { role },
      include: { user: true },
    })
    await assertOwned(tx, projectId)
    return member
  })
}

export interface RemoveMemberInput {
  projectId: string
  userId: string
}

/** Owners remove anyone, and everyone may leave. Answers who was removed. Throws as `addMember` does. */
export async function removeMember(
  { database }: UseCaseParts,
  viewer: Viewer,
  input: RemoveMemberInput,
): Promise<MemberWithUser> {
  const projectId = requireId('Project', input.projectId)
  const userId = requireId('User', input.userId)
  await requireRoleInAll(database, viewer, userId === viewer.userId ? 'READER' : 'OWNER', 'Project', projectId)
  return database.$transaction(async (tx) => {
    await changeAccess(tx, { id: projectId })
    const where = { userId_projectId: { userId, projectId } }
    const member = await tx.member.findUnique({ where, include: { user: true } })
    if (!member) throw notFound('User')
    await tx.member.delete({ where })
    await assertOwned(tx, projectId)
    return member
  })
}

/** Under the project's lock, which `changeAccess` took. */
async function assertOwned(tx: Transaction, projectId: string): Promise<void> {
  if ((await tx.member.count({ where: { projectId, role: 'OWNER' } })) === 0)
    throw new ConflictError('A project needs an owner: make somebody else one first.')
}
