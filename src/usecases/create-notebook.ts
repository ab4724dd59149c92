/** Creating a notebook: checked, counted against the quota and on its way to RUNNING, in one transaction. */
import { randomUUID } from 'node:crypto'
import { requireRole } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { sealEnvironment } from '../data/environment.ts'
import { notFound, requireId } from '../domain/ids.ts'
import { holdingOf } from '../domain/quota.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { insertNotebook } from '../store/new-notebook.ts'
import { assertWithinBudget } from './budgets.ts'
import { assertHostable, readNodes } from './flavors.ts'
import { claimKey, type Repeatable } from './idempotency.ts'
import { checkRequest, type NotebookRequest } from './notebook-spec.ts'
import type { UseCaseParts } from './parts.ts'
import { claimQuota } from './quota.ts'

export interface CreateNotebookInput extends NotebookRequest, Repeatable {
  projectId: string
}

/**
 * Throws NotFoundError, ForbiddenError, ValidationError, FlavorUnavailableError, QuotaExceededError, BudgetReachedError, and
 * ConflictError when the idempotency key came with another input.
 */
export async function createNotebook(
  parts: UseCaseParts,
  viewer: Viewer,
  input: CreateNotebookInput,
): Promise<Notebook> {
  const projectId = requireId('Project', input.projectId)
  return parts.database.$transaction(async (tx) => {
    await requireRole(tx, viewer, 'OPERATOR', 'Project', projectId)
    const id = randomUUID()
    const earlier = await claimKey(tx, parts.vault, viewer, 'createNotebook', input, id)
    if (earlier) return made(await tx.notebook.findUniqueOrThrow({ where: { id: earlier } }))

    const { flavor, env, labels, volumes, ...spec } = await checkRequest(tx, parts, viewer, projectId, input)
    assertHostable(parts.catalogue, await readNodes(tx), flavor, spec.units)
    const held = holdingOf(flavor, spec.units)
    const { streamEpoch } = await claimQuota(tx, projectId, held)
    await assertWithinBudget(tx, projectId, flavor, spec.units, parts.clock.now())
    const notebook = {
      ...spec,
      ...held,
      id,
      projectId,
      flavor: flavor.id,
      unsavedSinceEpoch: streamEpoch,
      env: sealEnvironment(parts.vault, id, env),
    }
    return insertNotebook(tx, { notebook, labels, volumes })
  })
}

/** What an earlier call made, unless it was deleted since. */
function made(notebook: Notebook): Notebook {
  if (notebook.deletedAt) throw notFound('Notebook')
  return notebook
}
