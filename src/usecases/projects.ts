/** Projects: whoever makes one owns it. */
import { requireUnlimited } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { nameProblem, Problems } from '../domain/problems.ts'
import type { Project } from '../generated/prisma/client.ts'
import type { UseCaseParts } from './parts.ts'

export interface CreateProjectInput {
  name: string
}

/** Throws ForbiddenError, ValidationError. */
export async function createProject(
  { database }: UseCaseParts,
  viewer: Viewer,
  { name }: CreateProjectInput,
): Promise<Project> {
  requireUnlimited(viewer)
  const problems = new Problems()
  problems.note('name', nameProblem(name))
  problems.throwIfAny()
  return database.project.create({ data: { name, members: { create: { userId: viewer.userId, role: 'OWNER' } } } })
}
