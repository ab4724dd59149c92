/** What can be done with notebooks. Each mutation records a wish and returns at once with the notebook. */
import {
  BudgetReachedError,
  ConflictError,
  FlavorUnavailableError,
  ForbiddenError,
  InvalidStateError,
  NotFoundError,
  QuotaExceededError,
  ValidationError,
} from '../domain/errors.ts'
import { createNotebook } from '../usecases/create-notebook.ts'
import { extendNotebook } from '../usecases/extend-notebook.ts'
import {
  deleteNotebook,
  restartNotebook,
  retryNotebookSync,
  startNotebook,
  stopNotebook,
} from '../usecases/notebooks.ts'
import { updateNotebook } from '../usecases/update-notebook.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { CONFIRM_DELETIONS, EnvVarInput, IDEMPOTENCY_KEY, LabelInput, VolumeInput } from './inputs.ts'
import { NotebookRef } from './notebook.ts'

const CreateNotebookInput = builder.inputType('CreateNotebookInput', {
  description: 'A new notebook. Ids of editor, framework and flavor are those of the catalogue.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'Whose it will be.' }),
    name: t.string({ description: 'One is made up unless given: `jupyterlab-quiet-heron`.' }),
    editor: t.id({ required: true, description: 'Such as `jupyterlab`.' }),
    framework: t.id({ required: true, description: 'Such as `python`.' }),
    frameworkVersion: t.string({ description: 'The newest that has the editor unless given.' }),
    flavor: t.id({ description: 'The installation’s default unless given.' }),
    units: t.int({ description: '1 unless given.' }),
    volumes: t.field({ type: [VolumeInput], description: 'At most 10.' }),
    labels: t.field({ type: [LabelInput], description: 'At most 10.' }),
    env: t.field({ type: [EnvVarInput], description: 'At most 64, 32 KiB in all.' }),
    autoRestart: t.boolean({ description: 'Whether a run that reaches its limit is followed by the next.' }),
    maxRunSeconds: t.int({ description: 'A run’s limit below 7 days.' }),
    publicAccess: t.boolean({ description: 'Whether anyone with its URL may open it.' }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const UpdateNotebookInput = builder.inputType('UpdateNotebookInput', {
  description:
    'What to change: name, labels, limits and access in any state; flavor, units, framework and env only in STOPPED or FAILED with nothing unsaved, for the next run. What is missing or null stays as it is, but for `maxRunSeconds`.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    name: t.string({ description: 'Its new name.' }),
    labels: t.field({ type: [LabelInput], description: 'All its labels: those that are not named go.' }),
    autoRestart: t.boolean({ description: 'Whether a run that reaches its limit is followed by the next.' }),
    maxRunSeconds: t.int({
      description:
        'A run’s limit below 7 days, also of the present run, whose extension it replaces; null takes it away.',
    }),
    publicAccess: t.boolean({ description: 'Whether anyone with its URL may open it.' }),
    flavor: t.id({ description: 'On what it will run.' }),
    units: t.int({ description: 'How many units of the flavor.' }),
    framework: t.id({ description: 'Which framework it will have.' }),
    frameworkVersion: t.string({ description: 'The newest of another framework that has the editor unless given.' }),
    env: t.field({ type: [EnvVarInput], description: 'All its variables: those that are not named go.' }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const StopNotebookInput = builder.inputType('StopNotebookInput', {
  description: 'The notebook to stop.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    discardUnsaved: t.boolean({
      description: 'In FAILED or ERROR: gives up what could not be saved, for good; then it is STOPPED.',
    }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const ExtendNotebookInput = builder.inputType('ExtendNotebookInput', {
  description: 'The run to extend.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    seconds: t.int({
      required: true,
      description:
        'By how much `stopsAt` moves; at most to 28 days after the run began. A repeat needs a key to count once.',
    }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const DeleteNotebookInput = builder.inputType('DeleteNotebookInput', {
  description: 'The notebook to delete.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    force: t.boolean({ description: 'Also one that is not at rest: it is stopped and saved first.' }),
    discardUnsaved: t.boolean({ description: 'Also one at rest with unsaved data, which is then gone for good.' }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

/** The input of a mutation that needs to know only which notebook. */
function notebookInput(name: string) {
  return builder.inputType(name, {
    description: 'Which notebook.',
    fields: (t) => ({
      notebookId: t.id({ required: true, description: 'Which one.' }),
      idempotencyKey: t.string(IDEMPOTENCY_KEY),
    }),
  })
}

const RetryNotebookSyncInput = builder.inputType('RetryNotebookSyncInput', {
  description: 'The notebook to save.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    confirmDeletions: t.boolean({ description: CONFIRM_DELETIONS }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

/** What any mutation of a notebook may answer instead of it. */
const REFUSALS = [NotFoundError, ForbiddenError, ValidationError, ConflictError]

const union = { description: 'The notebook, or why it was not done.' }

builder.mutationFields((t) => ({
  createNotebook: t.field({
    type: NotebookRef,
    description: 'Creates a notebook and starts it. It begins in STARTING, QUEUED.',
    args: { input: t.arg({ type: CreateNotebookInput, required: true, description: 'The notebook.' }) },
    errors: { types: [...REFUSALS, QuotaExceededError, BudgetReachedError, FlavorUnavailableError], union },
    resolve: (_root, { input }, context) => createNotebook(context.parts, viewerOf(context), input),
  }),
  updateNotebook: t.field({
    type: NotebookRef,
    description:
      'Changes name, labels, limits or access in any state, and in STOPPED or FAILED what the next run is made of.',
    args: { input: t.arg({ type: UpdateNotebookInput, required: true, description: 'The changes.' }) },
    errors: { types: [...REFUSALS, InvalidStateError, FlavorUnavailableError], union },
    resolve: (_root, { input }, context) => updateNotebook(context.parts, viewerOf(context), input),
  }),
  startNotebook: t.field({
    type: NotebookRef,
    description: 'Starts a notebook that is STOPPED, FAILED or ERROR, with its files and at its URL.',
    args: { input: t.arg({ type: notebookInput('StartNotebookInput'), required: true, description: 'Which one.' }) },
    errors: {
      types: [...REFUSALS, InvalidStateError, QuotaExceededError, BudgetReachedError, FlavorUnavailableError],
      union,
    },
    resolve: (_root, { input }, context) => startNotebook(context.parts, viewerOf(context), input),
  }),
  stopNotebook: t.field({
    type: NotebookRef,
    description: 'Stops a notebook that is STARTING or RUNNING and saves its files; takes back a restart.',
    args: { input: t.arg({ type: StopNotebookInput, required: true, description: 'Which one.' }) },
    errors: { types: [...REFUSALS, InvalidStateError], union },
    resolve: (_root, { input }, context) => stopNotebook(context.parts, viewerOf(context), input),
  }),
  restartNotebook: t.field({
    type: NotebookRef,
    description: 'Replaces the container of a RUNNING notebook; workspace, volumes and URL stay, a new run begins.',
    args: { input: t.arg({ type: notebookInput('RestartNotebookInput'), required: true, description: 'Which one.' }) },
    errors: { types: [...REFUSALS, InvalidStateError], union },
    resolve: (_root, { input }, context) => restartNotebook(context.parts, viewerOf(context), input),
  }),
  extendNotebook: t.field({
    type: NotebookRef,
    description: 'Moves the deadline of the present run of a RUNNING notebook, to at most 28 days after it began.',
    args: { input: t.arg({ type: ExtendNotebookInput, required: true, description: 'Which one, and how far.' }) },
    errors: { types: [...REFUSALS, InvalidStateError], union },
    resolve: (_root, { input }, context) => extendNotebook(context.parts, viewerOf(context), input),
  }),
  deleteNotebook: t.field({
    type: NotebookRef,
    description:
      'Deletes a notebook that is STOPPED, FAILED or ERROR with everything saved. Its workspace stays in the bucket.',
    args: { input: t.arg({ type: DeleteNotebookInput, required: true, description: 'Which one.' }) },
    errors: { types: [...REFUSALS, InvalidStateError], union },
    resolve: (_root, { input }, context) => deleteNotebook(context.parts, viewerOf(context), input),
  }),
  retryNotebookSync: t.field({
    type: NotebookRef,
    description: 'Tries again to save the unsaved data of a notebook that is FAILED or ERROR; then it is STOPPED.',
    args: { input: t.arg({ type: RetryNotebookSyncInput, required: true, description: 'Which one.' }) },
    errors: { types: [...REFUSALS, InvalidStateError], union },
    resolve: (_root, { input }, context) => retryNotebookSync(context.parts, viewerOf(context), input),
  }),
}))
