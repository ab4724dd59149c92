/** What can be changed about a notebook in any state: its name, its labels and its limits. */
import type { Viewer } from '../access/tokens.ts'
import { checkLabels, type Label, withTokensLabel } from '../domain/labels.ts'
import { nameProblem, Problems } from '../domain/problems.ts'
import { deadlineOf, newDeadline } from '../domain/run-limit.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { changeAccess } from '../store/access.ts'
import type { Transaction } from '../store/database.ts'
import { maxRunProblem } from './notebook-spec.ts'
import { type NotebookInput, wish } from './notebooks.ts'
import type { UseCaseParts } from './parts.ts'

/** What is missing or null stays as it is, but for `maxRunSeconds`: null takes the notebook's own limit away. */
export interface UpdateNotebookInput extends NotebookInput {
  name?: string | null | undefined
  /** All of them: those that are not named go. */
  labels?: readonly Label[] | null | undefined
  autoRestart?: boolean | null | undefined
  maxRunSeconds?: number | null | undefined
  publicAccess?: boolean | null | undefined
}

/** Throws NotFoundError, ForbiddenError, ValidationError and ConflictError. */
export function updateNotebook(parts: UseCaseParts, viewer: Viewer, input: UpdateNotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'updateNotebook', input, async (notebook, tx, at) => {
    const labels = check(viewer, input)
    if (labels) await replaceLabels(tx, notebook, labels)
    return {
      set: {
        ...(input.name ? { name: input.name } : {}),
        ...(typeof input.autoRestart === 'boolean' ? { autoRestart: input.autoRestart } : {}),
        ...(typeof input.publicAccess === 'boolean' ? { publicAccess: input.publicAccess } : {}),
        ...(input.maxRunSeconds === undefined ? {} : limit(notebook, input.maxRunSeconds, at)),
      },
      reroutes: typeof input.publicAccess === 'boolean',
      // A deadline may have moved.
      wake: true,
    }
  })
}

/** Answers the labels that it is to have; null: as they are. */
function check({ scope }: Viewer, input: UpdateNotebookInput): readonly Label[] | null {
  const problems = new Problems()
  const labels = input.labels ? withTokensLabel(input.labels, scope.label, problems) : null
  if (typeof input.name === 'string') problems.note('name', nameProblem(input.name))
  checkLabels(labels ?? [], problems)
  problems.note('maxRunSeconds', maxRunProblem(input.maxRunSeconds))
  problems.throwIfAny()
  return labels
}

/** Who watches by a label may see less, or more, from now on. */
async function replaceLabels(tx: Transaction, { id, projectId }: Notebook, labels: readonly Label[]): Promise<void> {
  await changeAccess(tx, { id: projectId })
  await tx.notebookLabel.deleteMany({ where: { notebookId: id } })
  await tx.notebookLabel.createMany({ data: labels.map((label) => ({ ...label, notebookId: id })) })
}

/** The limit, and the deadline of a run under way: what the run was extended by is replaced. */
function limit({ state, startedAt }: Notebook, maxRunSeconds: number | null, at: Date) {
  if (state !== 'RUNNING' || !startedAt) return { maxRunSeconds }
  return { maxRunSeconds, ...newDeadline(deadlineOf(startedAt, maxRunSeconds), at) }
}
