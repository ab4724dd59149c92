/** Workspaces: a notebook's own files. */
import { ConflictError, ForbiddenError, InvalidStateError, NotFoundError, ValidationError } from '../domain/errors.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { saveWorkspace } from '../usecases/save-workspace.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { IDEMPOTENCY_KEY } from './inputs.ts'
import { DataSyncRef } from './sync.ts'

export const WorkspaceRef = builder.objectRef<Pick<Notebook, 'id'>>('Workspace').implement({
  description:
    'The notebook’s own /workspace, saved in the platform’s object storage under the notebook’s uuid: when a run ends, and every few minutes while it lasts.',
  fields: (t) => ({
    lastSavedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last verified in the bucket; null: never.',
      resolve: ({ id }, _args, { loaders }) => loaders.lastSavedAt.load(id),
    }),
    unsavedBytes: t.field({
      type: 'ByteSize',
      nullable: true,
      description:
        'What the last try to save it left, 0 when it saved all; what a notebook that runs wrote since is not in it. Null: nobody counted.',
      resolve: async ({ id }, _args, { loaders }) => {
        const copy = await loaders.workspaceCopy.load(id)
        return copy?.written ? copy.unsavedBytes : 0n
      },
    }),
    lastSync: t.field({
      type: DataSyncRef,
      nullable: true,
      description: 'The newest of its syncs; null before the first.',
      resolve: ({ id }, _args, { loaders }) => loaders.lastWorkspaceSync.load(id),
    }),
  }),
})

const SaveWorkspaceInput = builder.inputType('SaveWorkspaceInput', {
  description: 'Whose workspace is to be saved.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'Which one.' }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('saveWorkspace', (t) =>
  t.field({
    type: WorkspaceRef,
    description:
      'Saves the workspace of a RUNNING notebook beside it; of one that is FAILED or ERROR, tries again what could not be saved. Its `lastSync` tells how that goes.',
    args: { input: t.arg({ type: SaveWorkspaceInput, required: true, description: 'Which one.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError],
      union: { description: 'The workspace, or why it is not saved.' },
    },
    resolve: (_root, { input }, context) => saveWorkspace(context.parts, viewerOf(context), input),
  }),
)
