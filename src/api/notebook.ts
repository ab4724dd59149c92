/** Notebooks: what is known of one, and lists of them. */
import { visibleNotebooks } from '../access/policy.ts'
import { toAmount } from '../domain/billing.ts'
import { decodeId } from '../domain/ids.ts'
import type { BillingPeriod, DataSync, Prisma } from '../generated/prisma/client.ts'
import { BillingPeriodConnection } from './billing.ts'
import { builder } from './builder.ts'
import { EditorRef, editorOf, FlavorRef, FrameworkRef, frameworkOf, shownFlavor } from './catalogue.ts'
import { connectionOf, nodesQuery, pageArgs, pageComplexity } from './connection.ts'
import { viewerOf } from './context.ts'
import { DiskUsageRef } from './disk.ts'
import { NotebookPhase, NotebookState, StateReason } from './enums.ts'
import { LabelRef } from './label.ts'
import { MoneyRef } from './money.ts'
import { DataSyncConnection } from './sync.ts'
import { UnsavedDataRef } from './unsaved.ts'
import { WorkspaceRef } from './workspace.ts'

export const NotebookRef = builder.prismaNode('Notebook', {
  description: 'Compute, an editor, a framework, volumes and a workspace, in one project.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    uuid: t.expose('id', { type: 'UUID', description: 'As in its URL and in the bucket of its workspace.' }),
    name: t.exposeString('name', { description: 'For people; need not be unique.' }),
    project: t.relation('project', { description: 'Whose it is.' }),
    state: t.expose('state', {
      type: NotebookState,
      description: 'Where it is in its life. A new notebook begins in STARTING, QUEUED.',
    }),
    phase: t.expose('phase', {
      type: NotebookPhase,
      nullable: true,
      description: 'What is being done; null in states that last.',
    }),
    reason: t.expose('reason', { type: StateReason, nullable: true, description: 'What brought it into its state.' }),
    message: t.exposeString('message', { nullable: true, description: 'A sentence about its state for people.' }),
    editor: t.field({
      type: EditorRef,
      description: 'What it is worked in with.',
      resolve: ({ editor }, _args, context) => editorOf(context, editor),
    }),
    framework: t.field({
      type: FrameworkRef,
      description: 'The family of its image.',
      resolve: ({ framework }, _args, context) => frameworkOf(context, framework),
    }),
    frameworkVersion: t.exposeString('frameworkVersion', { description: 'The version within the framework.' }),
    flavor: t.field({
      type: FlavorRef,
      description: 'On what it runs.',
      resolve: ({ flavor }, _args, context) => shownFlavor(context, flavor),
    }),
    units: t.exposeInt('units', { description: 'How many units of the flavor.' }),
    labels: t.field({
      type: [LabelRef],
      description: 'By name.',
      select: { labels: { orderBy: { name: 'asc' } } },
      resolve: ({ labels }) => labels,
    }),
    autoRestart: t.exposeBoolean('autoRestart', {
      description: 'Whether a run that reaches its limit is followed by the next, instead of stopping.',
    }),
    maxRunSeconds: t.exposeInt('maxRunSeconds', {
      nullable: true,
      description: 'A run’s own limit; null: the installation’s, 7 days.',
    }),
    publicAccess: t.exposeBoolean('publicAccess', { description: 'Whether anyone with its URL may open it.' }),
    volumes: t.relation('volumes', {
      description: 'In the order in which they were given.',
      query: { orderBy: { index: 'asc' } },
    }),
    workspace: t.field({ type: WorkspaceRef, description: 'Its own files.', resolve: (notebook) => notebook }),
    url: t.field({
      type: 'URL',
      description: 'Where its editor answers while it is RUNNING. Never changes.',
      resolve: ({ id }, _args, { parts }) => `${new URL(parts.publicUrl).protocol}//${id}.${parts.gatewayDomain}`,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When anything about it last changed.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its present or last run entered RUNNING; null from a start until then.',
    }),
    stopsAt: t.expose('stopsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The deadline of the present run: when it reaches its limit.',
    }),
    stoppedAt: t.expose('stoppedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its last run ended; null once it is started again.',
    }),
    exitCode: t.exposeInt('exitCode', { nullable: true, description: 'Of its process, if that ended by itself.' }),
    oomKilled: t.exposeBoolean('oomKilled', {
      nullable: true,
      description: 'Whether its process ended for want of memory.',
    }),
    lastLogLines: t.stringList({
      description:
        'The last lines, 100 at most, that its last run printed, if that ended by itself; empty while nothing did, and once it is started again.',
      resolve: ({ logTail }) => (logTail as string[] | null) ?? [],
    }),
    queuePosition: t.int({
      nullable: true,
      description:
        'Its place among all notebooks that wait for room on its node, of all projects: 1 is admitted next. It can rise when a project that holds less queues. Null: it does not wait, or for something else than room, as its message says.',
      resolve: ({ id, phase }, _args, { loaders }) => (phase === 'QUEUED' ? loaders.queuePosition.load(id) : null),
    }),
    unsaved: t.relation('localCopies', {
      type: UnsavedDataRef,
      description: 'What may not yet be safe in its bucket; while it runs, everything it may write to.',
      query: { where: { written: true }, orderBy: { target: 'asc' } },
    }),
    disk: t.relation('diskUsage', {
      type: DiskUsageRef,
      nullable: true,
      description: 'What it takes of its node’s disk; null: not measured yet, or nothing of it is on a node.',
    }),
    cost: t.field({
      type: MoneyRef,
      description: 'Of all its runs so far, live.',
      resolve: async ({ id }, _args, { loaders, parts }) => ({
        amount: toAmount((await loaders.notebookCost.load(id)) ?? 0n),
        currency: parts.catalogue.currency,
      }),
    }),
    billingPeriods: t.field({
      type: BillingPeriodConnection,
      description: 'Newest first.',
      args: pageArgs,
      complexity: pageComplexity,
      resolve: ({ id }, args, context, info) =>
        connectionOf<BillingPeriod>(args, { column: 'startedAt', direction: 'desc' }, ({ where, ...page }) =>
          context.parts.database.billingPeriod.findMany({
            ...nodesQuery<Prisma.BillingPeriodInclude>(context, info),
            ...page,
            where: { AND: [{ notebookId: id }, where] },
          }),
        ),
    }),
    syncs: t.field({
      type: DataSyncConnection,
      description: 'Newest first.',
      args: pageArgs,
      complexity: pageComplexity,
      resolve: ({ id }, args, context, info) =>
        connectionOf<DataSync>(args, { column: 'createdAt', direction: 'desc' }, ({ where, ...page }) =>
          context.parts.database.dataSync.findMany({
            ...nodesQuery<Prisma.DataSyncInclude>(context, info),
            ...page,
            where: { AND: [{ notebookId: id }, where] },
          }),
        ),
    }),
  }),
})

builder.queryField('notebook', (t) =>
  t.prismaField({
    type: NotebookRef,
    nullable: true,
    description: 'Null: not there, or not yours.',
    args: { id: t.arg.id({ required: true, description: 'The notebook’s.' }) },
    resolve: (query, _root, args, context) => {
      const id = decodeId('Notebook', args.id)
      const where = { ...visibleNotebooks(viewerOf(context)), id: id ?? '' }
      return id ? context.parts.database.notebook.findFirst({ ...query, where }) : null
    },
  }),
)
