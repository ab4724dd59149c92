/**
 * API tokens: each acts as its user, within limits of its own, until it ends or is revoked. A token never makes one that may
 * do more than itself.
 */
import { isOperator, ownTokens, requireRole, requireUnlimited, requireWithin } from '../access/policy.ts'
import { hashToken, makeToken, type Viewer } from '../access/tokens.ts'
import { notFound, requireId } from '../domain/ids.ts'
import { checkLabel, type Label } from '../domain/labels.ts'
import { nameProblem, Problems } from '../domain/problems.ts'
import type { ApiToken, Role } from '../generated/prisma/client.ts'
import { changeAccess } from '../store/access.ts'
import type { UseCaseParts } from './parts.ts'

const LONGEST_MS = 366 * 24 * 3600 * 1000

export interface CreateApiTokenInput {
  name: string
  role: Role
  expiresAt: Date
  projectId?: string | null | undefined
  label?: Label | null | undefined
  userId?: string | null | undefined
}

/** The secret is nowhere else: it is shown once. */
export interface NewApiToken extends ApiToken {
  secret: string
}

/** Throws NotFoundError, ForbiddenError, ValidationError. */
export async function createApiToken(
  { database, clock }: UseCaseParts,
  viewer: Viewer,
  input: CreateApiTokenInput,
): Promise<NewApiToken> {
  const { name, role, expiresAt, label = null } = input
  const projectId = input.projectId ? requireId('Project', input.projectId) : null
  const userId = input.userId ? requireId('User', input.userId) : viewer.userId
  check(input, clock.now())
  if (userId === viewer.userId) requireWithin(viewer, { role, projectId, label })
  else if (await isOperator(database, viewer)) requireUnlimited(viewer)
  else throw notFound('User')
  const user = await database.user.findUnique({ where: { id: userId } })
  if (!user) throw notFound('User')
  if (projectId) await requireRole(database, { ...viewer, userId }, 'READER', 'Project', projectId)
  const secret = makeToken()
  const token = await database.apiToken.create({
    data: {
      userId,
      name,
      role,
      expiresAt,
      projectId,
      labelName: label?.name ?? null,
      labelValue: label?.value ?? null,
      hash: hashToken(secret),
    },
  })
  return { ...token, secret }
}

function check({ name, expiresAt, label }: CreateApiTokenInput, now: Date): void {
  const problems = new Problems()
  problems.note('name', nameProblem(name))
  const left = expiresAt.getTime() - now.getTime()
  if (left <= 0 || left > LONGEST_MS) problems.note('expiresAt', 'must be in the future, and at most a year ahead.')
  if (label) checkLabel(label, 'label', problems)
  problems.throwIfAny()
}

export interface RevokeApiTokenInput {
  apiTokenId: string
}

/** Ends what runs under it, too: streams within a second, sessions of the gateway within five. Throws NotFoundError. */
export async function revokeApiToken(
  { database }: UseCaseParts,
  viewer: Viewer,
  input: RevokeApiTokenInput,
): Promise<ApiToken> {
  const id = requireId('ApiToken', input.apiTokenId)
  return database.$transaction(async (tx) => {
    await changeAccess(tx, { members: { some: { userId: viewer.userId } } })
    const [revoked] = await tx.apiToken.updateManyAndReturn({
      where: { AND: [{ id }, ownTokens(viewer)] },
      data: { revokedAt: new Date() },
    })
    if (!revoked) throw notFound('ApiToken')
    return revoked
  })
}
