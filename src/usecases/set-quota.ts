/** A project's limits are the operator's to set: an owner's budget is not the installation's. */
import { requireOperator } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { notFound, requireId } from '../domain/ids.ts'
import { Problems, wholeNumberProblem } from '../domain/problems.ts'
import type { Project } from '../generated/prisma/client.ts'
import type { UseCaseParts } from './parts.ts'

/** So that what is held, in thousandths of a vCPU, is a 32-bit integer. */
const MOST = 1_000_000

export interface SetQuotaInput {
  projectId: string
  /** Null, or not given: as it is. */
  gpus?: number | null | undefined
  vcpus?: number | null | undefined
}

/**
 * Holds for every start from now on; what runs already goes on, also beyond a lower limit. Throws NotFoundError,
 * ForbiddenError, ValidationError.
 */
export async function setQuota({ database }: UseCaseParts, viewer: Viewer, input: SetQuotaInput): Promise<Project> {
  const id = requireId('Project', input.projectId)
  await requireOperator(database, viewer, 'Project', id)
  const problems = new Problems()
  for (const unit of ['gpus', 'vcpus'] as const) problems.note(unit, wholeNumberProblem(input[unit] ?? 0, 0, MOST))
  problems.throwIfAny()
  const limits = {
    ...(input.gpus != null && { maxGpus: input.gpus }),
    ...(input.vcpus != null && { maxVcpus: input.vcpus }),
  }
  const [project] = await database.project.updateManyAndReturn({ where: { id, deletedAt: null }, data: limits })
  if (!project) throw notFound('Project')
  return project
}
