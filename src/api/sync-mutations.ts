/** Syncs that are wished while a notebook runs. */
import { ConflictError, ForbiddenError, InvalidStateError, NotFoundError, ValidationError } from '../domain/errors.ts'
import type { DataSync } from '../generated/prisma/client.ts'
import { cancelDataSync, syncNotebookData } from '../usecases/live-syncs.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { SyncDirection, SyncTarget } from './enums.ts'
import { CONFIRM_DELETIONS } from './inputs.ts'
import { DataSyncRef } from './sync.ts'

const IDEMPOTENCY_KEY = {
  description:
    'A repeat with the same key and input within 24 hours does nothing more and answers with the syncs as they are then.',
} as const

const SyncNotebookDataInput = builder.inputType('SyncNotebookDataInput', {
  description: 'What is to be moved, and which way.',
  fields: (t) => ({
    notebookId: t.id({ required: true, description: 'A notebook that is RUNNING.' }),
    direction: t.field({
      type: SyncDirection,
      required: true,
      description: 'A pull never touches the workspace; a push never RO volumes.',
    }),
    target: t.field({ type: SyncTarget, defaultValue: 'ALL', description: 'What of its data.' }),
    volumeId: t.id({ description: 'Which volume; the target is then VOLUME.' }),
    confirmDeletions: t.boolean({ description: CONFIRM_DELETIONS }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const CancelDataSyncInput = builder.inputType('CancelDataSyncInput', {
  description: 'The sync to call off.',
  fields: (t) => ({
    syncId: t.id({ required: true, description: 'Which one.' }),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

const SyncNotebookDataSuccess = builder.objectRef<{ syncs: DataSync[] }>('SyncNotebookDataSuccess').implement({
  description: 'What moves now, or will in turn.',
  fields: (t) => ({
    syncs: t.expose('syncs', {
      type: [DataSyncRef],
      description:
        'One for each target, the workspace’s first. A target that is moved that way already has the sync under way.',
    }),
  }),
})

builder.mutationFields((t) => ({
  syncNotebookData: t.field({
    type: SyncNotebookDataSuccess,
    description:
      'Pulls or pushes data of a RUNNING notebook, beside it. What is changed on both sides is kept in both versions. If it fails, the notebook runs on, with a warning; when the run ends, what is under way is cancelled, and everything is saved as always.',
    args: { input: t.arg({ type: SyncNotebookDataInput, required: true, description: 'What, and which way.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError],
      union: { description: 'The syncs, or why there are none.' },
    },
    resolve: async (_root, { input }, context) => ({
      syncs: await syncNotebookData(context.parts, viewerOf(context), input),
    }),
  }),
  cancelDataSync: t.field({
    type: DataSyncRef,
    description:
      'Calls off a sync beside a RUNNING notebook; what it moved by then stays. One that is over stays as it is.',
    args: { input: t.arg({ type: CancelDataSyncInput, required: true, description: 'Which one.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError],
      union: { description: 'The sync, or why it was not called off.' },
    },
    resolve: (_root, { input }, context) => cancelDataSync(context.parts, viewerOf(context), input),
  }),
}))
