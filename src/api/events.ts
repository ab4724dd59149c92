/** Events: what happened to notebooks, as a list after a cursor and as live streams. */
import type { InputShapeFromFields } from '@pothos/core'
import { maySee, visibleNotebooks, watchableNotebooks } from '../access/policy.ts'
import { toAmount } from '../domain/billing.ts'
import { encodeCursor } from '../domain/events.ts'
import { decodeId, encodeId, notFound } from '../domain/ids.ts'
import type { AccrualItem, ItemOf, NotebookItem, ResetItem, StreamItem } from '../events/items.ts'
import type { Scope } from '../events/read.ts'
import { builder } from './builder.ts'
import { pageComplexity } from './connection.ts'
import { type Context, viewerOf } from './context.ts'
import { NotebookPhase, NotebookState, PeriodEndSource, StateReason, WarningCode } from './enums.ts'
import { DEFAULT_PAGE, MAX_PAGE, pageSize } from './limits.ts'
import { MoneyRef } from './money.ts'
import { NotebookRef } from './notebook.ts'
import { DataSyncRef } from './sync.ts'

const NotebookEventRef = builder.interfaceRef<NotebookItem | AccrualItem>('NotebookEvent').implement({
  description: 'Something that happened to a notebook.',
  fields: (t) => ({
    cursor: t.expose('cursor', { type: 'EventCursor', description: 'Subscribe after it to go on from here.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it happened.' }),
    notebookId: t.id({ description: 'To whom.', resolve: ({ notebookId }) => encodeId('Notebook', notebookId) }),
    notebook: t.field({
      type: NotebookRef,
      nullable: true,
      description: 'The notebook at present; null once it is deleted, or no longer yours.',
      resolve: ({ notebookId }, _args, { loaders }) => loaders.notebook.load(notebookId),
    }),
  }),
})

const interfaces = [NotebookEventRef]

const NotebookCreated = builder.objectRef<ItemOf<'NotebookCreated'>>('NotebookCreated').implement({
  description: 'The first of a notebook’s stream: it was created, in STARTING, QUEUED.',
  interfaces,
})

const NotebookDeleted = builder.objectRef<ItemOf<'NotebookDeleted'>>('NotebookDeleted').implement({
  description: 'The last of a notebook’s stream: it is gone. A subscription to it completes.',
  interfaces,
})

const StateChanged = builder.objectRef<ItemOf<'StateChanged'>>('StateChanged').implement({
  description: 'A notebook went from one state to another.',
  interfaces,
  fields: (t) => ({
    from: t.field({ type: NotebookState, description: 'The state before.', resolve: ({ event }) => event.from }),
    to: t.field({ type: NotebookState, description: 'The state after.', resolve: ({ event }) => event.to }),
    phase: t.field({
      type: NotebookPhase,
      nullable: true,
      description: 'The phase with which the state begins; null for a state that lasts.',
      resolve: ({ event }) => event.phase,
    }),
    reason: t.field({
      type: StateReason,
      nullable: true,
      description: 'Who or what did it.',
      resolve: ({ event }) => event.reason,
    }),
    message: t.string({ nullable: true, description: 'A sentence for people.', resolve: ({ event }) => event.message }),
    endSource: t.field({
      type: PeriodEndSource,
      nullable: true,
      description: 'By what the end of the run is known, where RUNNING was left; else null.',
      resolve: ({ event }) => event.endSource ?? null,
    }),
  }),
})

const PhaseChanged = builder.objectRef<ItemOf<'PhaseChanged'>>('PhaseChanged').implement({
  description:
    'Within its state a notebook went on to another phase, or there is something new to say about the present one.',
  interfaces,
  fields: (t) => ({
    // Never null; declared as in StateChanged, so that one document can ask both for it.
    phase: t.field({
      type: NotebookPhase,
      nullable: true,
      description: 'The phase now.',
      resolve: ({ event }) => event.phase,
    }),
    message: t.string({ nullable: true, description: 'A sentence for people.', resolve: ({ event }) => event.message }),
  }),
})

const NotebookWarned = builder.objectRef<ItemOf<'NotebookWarned'>>('NotebookWarned').implement({
  description: 'Something a user should know; it changes no state.',
  interfaces,
  fields: (t) => ({
    code: t.field({ type: WarningCode, description: 'What it is about.', resolve: ({ event }) => event.code }),
    // Never null; declared as in the other events.
    message: t.string({ nullable: true, description: 'A sentence for people.', resolve: ({ event }) => event.message }),
    dueAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When what is warned of will happen.',
      resolve: ({ event }) => (event.dueAt === null ? null : new Date(event.dueAt)),
    }),
  }),
})

const SyncProgressed = builder.objectRef<ItemOf<'SyncProgressed'>>('SyncProgressed').implement({
  description:
    'A data sync went on. Its first and last report are kept; those between carry the cursor of the event before them and are not repeated.',
  interfaces,
  fields: (t) => ({
    sync: t.field({
      type: DataSyncRef,
      description: 'The sync at present.',
      resolve: async ({ event }, _args, { loaders }) => {
        const sync = await loaders.sync.load(event.syncId)
        // Whoever reads an event late may have lost access since it was read from the table.
        if (!sync) throw notFound('DataSync')
        return sync
      },
    }),
  }),
})

const CostAccrued = builder.objectRef<AccrualItem>('CostAccrued').implement({
  description:
    'A minute of a run began. Told only to who listens then: it carries the cursor of the event before it and is not repeated.',
  interfaces,
  fields: (t) => ({
    minutes: t.int({ description: 'Commenced minutes of the present run.', resolve: ({ event }) => event.minutes }),
    cost: t.field({
      type: MoneyRef,
      description: 'Of all the notebook’s runs so far, this minute included.',
      resolve: ({ event: { numerator, currency } }) => ({ amount: toAmount(numerator), currency }),
    }),
  }),
})

const StreamReset = builder.objectRef<ResetItem>('StreamReset').implement({
  description:
    'Your cursor is of no use any more: it is from the future, or from before the database was restored. Fetch anew what you show, then go on from here.',
  fields: (t) => ({
    cursor: t.expose('cursor', { type: 'EventCursor', description: 'From where the stream goes on.' }),
    at: t.expose('at', { type: 'DateTime', description: 'Now.' }),
  }),
})

const StreamItemRef = builder.unionType('StreamItem', {
  description: 'What a stream of events carries.',
  types: [
    StateChanged,
    PhaseChanged,
    NotebookCreated,
    NotebookDeleted,
    NotebookWarned,
    SyncProgressed,
    CostAccrued,
    StreamReset,
  ],
  resolveType: ({ event }: StreamItem) => event.type,
})

const eventsArgs = builder.args((t) => ({
  after: t.field({ type: 'EventCursor', description: 'Those after it; the first that are kept unless given.' }),
  first: t.int({ description: `How many, at most ${MAX_PAGE}; ${DEFAULT_PAGE} unless told.` }),
}))

function page(context: Context, scope: Scope, { after, first }: InputShapeFromFields<typeof eventsArgs>) {
  return context.parts.streams.page(scope, after ?? null, pageSize(first))
}

builder.prismaObjectFields('Project', (t) => ({
  eventCursor: t.field({
    type: 'EventCursor',
    description: 'Read before everything below the project: list, then subscribe after it, and nothing is missed.',
    resolve: ({ streamEpoch, eventCounter }) => encodeCursor({ epoch: streamEpoch, seq: eventCounter }),
  }),
  events: t.field({
    type: [StreamItemRef],
    description: 'Kept events of all its notebooks, in order.',
    args: eventsArgs,
    complexity: pageComplexity,
    resolve: ({ id }, args, context) =>
      page(context, { projectId: id, notebookId: null, label: viewerOf(context).scope.label }, args),
  }),
}))

builder.prismaObjectFields('Notebook', (t) => ({
  eventCursor: t.field({
    type: 'EventCursor',
    description: 'Read together with the notebook: look at it, then subscribe after it, and nothing of it is missed.',
    // By the row itself, which holds the number of its newest event; only the epoch is looked up.
    resolve: async ({ projectId, eventSeq }, _args, { loaders }) =>
      encodeCursor({ epoch: (await loaders.streamEpoch.load(projectId)) ?? '', seq: eventSeq }),
  }),
  events: t.field({
    type: [StreamItemRef],
    description: 'Its kept events, in order.',
    args: eventsArgs,
    complexity: pageComplexity,
    resolve: ({ id, projectId }, args, context) => page(context, { projectId, notebookId: id, label: null }, args),
  }),
}))

const after = {
  type: 'EventCursor',
  description: 'Go on after it, and miss nothing; begins at the present unless given.',
} as const

builder.subscriptionFields((t) => ({
  notebookEvents: t.field({
    type: StreamItemRef,
    description: 'What happens to a notebook, in order; completes with its NotebookDeleted.',
    args: { notebookId: t.arg.id({ required: true, description: 'Which one.' }), after: t.arg(after) },
    subscribe: async (_root, args, context) => {
      const viewer = viewerOf(context)
      const id = decodeId('Notebook', args.notebookId)
      // A deleted one is still told of to whoever watched it before.
      const notebook =
        id &&
        (await context.parts.database.notebook.findFirst({
          where: { id, ...(args.after ? watchableNotebooks(viewer) : visibleNotebooks(viewer)) },
          select: { projectId: true, deletedAt: true },
        }))
      if (!notebook) throw notFound('Notebook')
      const { projectId, deletedAt } = notebook
      const scope = { projectId, notebookId: id, label: null }
      return context.parts.streams.tail({ scope, viewer, after: args.after ?? null, ended: deletedAt !== null })
    },
    resolve: (item: StreamItem) => item,
  }),
  projectEvents: t.field({
    type: StreamItemRef,
    description: 'What happens to all notebooks of a project, in order.',
    args: { projectId: t.arg.id({ required: true, description: 'Which one.' }), after: t.arg(after) },
    subscribe: async (_root, args, context) => {
      const viewer = viewerOf(context)
      const projectId = decodeId('Project', args.projectId)
      if (!projectId || !(await maySee(context.parts.database, viewer, 'Project', projectId))) throw notFound('Project')
      const scope = { projectId, notebookId: null, label: viewer.scope.label }
      return context.parts.streams.tail({ scope, viewer, after: args.after ?? null, ended: false })
    },
    resolve: (item: StreamItem) => item,
  }),
}))
