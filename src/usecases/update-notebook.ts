/**
 * What can be changed about a notebook: its name, its labels and its limits in any state; what it runs on, and as what, only
 * while it is settled with everything saved.
 */
import type { Viewer } from '../access/tokens.ts'
import { sealEnvironment } from '../data/environment.ts'
import type { Catalogue, Flavor } from '../domain/catalogue.ts'
import { checkEnv, type EnvVar } from '../domain/env.ts'
import { InvalidStateError } from '../domain/errors.ts'
import { checkLabels, type Label, withTokensLabel } from '../domain/labels.ts'
import { nameProblem, Problems } from '../domain/problems.ts'
import { deadlineOf, newDeadline } from '../domain/run-limit.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { changeAccess } from '../store/access.ts'
import type { Transaction } from '../store/database.ts'
import { assertHostable, readNodes } from './flavors.ts'
import { checkImage, checkSize, maxRunProblem } from './notebook-spec.ts'
import { hasUnsavedData, type NotebookInput, refusal, wish } from './notebooks.ts'
import type { UseCaseParts } from './parts.ts'

/** What is missing or null stays as it is, but for `maxRunSeconds`: null takes the notebook's own limit away. */
export interface UpdateNotebookInput extends NotebookInput {
  name?: string | null | undefined
  /** All of them: those that are not named go. */
  labels?: readonly Label[] | null | undefined
  autoRestart?: boolean | null | undefined
  maxRunSeconds?: number | null | undefined
  publicAccess?: boolean | null | undefined
  flavor?: string | null | undefined
  units?: number | null | undefined
  framework?: string | null | undefined
  /** The newest of a framework that is changed, unless given. */
  frameworkVersion?: string | null | undefined
  /** All of them: those that are not named go. */
  env?: readonly EnvVar[] | null | undefined
}

/** What the next run is made of, and no run that goes on can be given anew. */
const OF_NEXT_RUN = ['flavor', 'units', 'framework', 'frameworkVersion', 'env'] as const

/** Throws NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError and FlavorUnavailableError. */
export function updateNotebook(parts: UseCaseParts, viewer: Viewer, input: UpdateNotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'updateNotebook', input, async (notebook, tx, at) => {
    const { labels, nextRun } = check(parts, viewer, notebook, input)
    if (nextRun) await assertRemakable(parts, tx, notebook, nextRun)
    if (labels) await replaceLabels(tx, notebook, labels)
    return {
      set: {
        ...(input.name ? { name: input.name } : {}),
        ...(typeof input.autoRestart === 'boolean' ? { autoRestart: input.autoRestart } : {}),
        ...(typeof input.publicAccess === 'boolean' ? { publicAccess: input.publicAccess } : {}),
        ...(input.maxRunSeconds === undefined ? {} : limit(notebook, input.maxRunSeconds, at)),
        ...(nextRun && { ...nextRun, flavor: nextRun.flavor.id }),
        ...(input.env && { env: sealEnvironment(parts.vault, notebook.id, input.env) }),
      },
      reroutes: typeof input.publicAccess === 'boolean',
      // A deadline may have moved.
      wake: true,
    }
  })
}

interface NextRun {
  framework: string
  frameworkVersion: string
  flavor: Flavor
  units: number
}

/** Answers the labels that it is to have, and what its next run is to be; null: as they are. */
function check(
  { catalogue }: UseCaseParts,
  { scope }: Viewer,
  notebook: Notebook,
  input: UpdateNotebookInput,
): { labels: readonly Label[] | null; nextRun: NextRun | null } {
  const problems = new Problems()
  const isRemade = OF_NEXT_RUN.some((field) => input[field] != null)
  const nextRun = isRemade ? checkNextRun(catalogue, notebook, input, problems) : null
  const labels = input.labels ? withTokensLabel(input.labels, scope.label, problems) : null
  if (typeof input.name === 'string') problems.note('name', nameProblem(input.name))
  checkLabels(labels ?? [], problems)
  problems.note('maxRunSeconds', maxRunProblem(input.maxRunSeconds))
  checkEnv(input.env ?? [], problems)
  problems.throwIfAny()
  return { labels, nextRun }
}

function checkNextRun(
  catalogue: Catalogue,
  notebook: Notebook,
  input: UpdateNotebookInput,
  problems: Problems,
): NextRun | null {
  const { editor } = notebook
  const framework = input.framework ?? notebook.framework
  const version = input.frameworkVersion ?? (framework === notebook.framework ? notebook.frameworkVersion : null)
  const { frameworkVersion } = checkImage(catalogue, { editor, framework, frameworkVersion: version }, problems)
  const size = { flavor: input.flavor ?? notebook.flavor, units: input.units ?? notebook.units }
  const { flavor, units } = checkSize(catalogue, size, problems)
  return flavor ? { framework, frameworkVersion, flavor, units } : null
}

/** Throws InvalidStateError while a run, or files of one, depend on what it was made of, and FlavorUnavailableError. */
async function assertRemakable(
  { catalogue }: UseCaseParts,
  tx: Transaction,
  notebook: Notebook,
  { flavor, units }: NextRun,
): Promise<void> {
  const allowed = ['STOPPED', 'FAILED'] as const
  const what = 'given another flavor, framework or environment'
  if (notebook.state !== 'STOPPED' && notebook.state !== 'FAILED') throw refusal(notebook, what, allowed)
  if (await hasUnsavedData(tx, notebook))
    throw new InvalidStateError(
      `The notebook has data that is not saved yet, and cannot be ${what}.`,
      notebook.state,
      allowed,
    )
  assertHostable(catalogue, await readNodes(tx), flavor, units)
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
