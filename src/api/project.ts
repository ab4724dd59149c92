/** Projects: the tenants. */

import { visibleProjects } from '../access/policy.ts'
import { toAmount } from '../domain/billing.ts'
import { ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import { decodeId } from '../domain/ids.ts'
import type { Prisma, Project } from '../generated/prisma/client.ts'
import { createProject } from '../usecases/projects.ts'
import { setQuota } from '../usecases/set-quota.ts'
import { builder } from './builder.ts'
import { connectionOf, nodesQuery, pageArgs, pageComplexity } from './connection.ts'
import { type Context, viewerOf } from './context.ts'
import { MoneyRef } from './money.ts'

interface QuotaUse {
  limit: number
  used: number
}

const QuotaUseRef = builder.objectRef<QuotaUse>('QuotaUse').implement({
  description: 'How much of something a project may use, and does.',
  fields: (t) => ({
    limit: t.exposeFloat('limit', { description: 'What it may use.' }),
    used: t.exposeFloat('used', { description: 'What its notebooks hold now.' }),
  }),
})

interface Quota {
  gpus: QuotaUse
  vcpus: QuotaUse
}

const QuotaRef = builder.objectRef<Quota>('Quota').implement({
  description: 'What a project may use. Held from the wish to start until the container’s end was observed.',
  fields: (t) => ({
    gpus: t.expose('gpus', { type: QuotaUseRef, description: 'Units of GPU flavors.' }),
    vcpus: t.expose('vcpus', { type: QuotaUseRef, description: 'vCPUs of CPU flavors.' }),
  }),
})

async function quotaOf({ id, maxGpus, maxVcpus }: Project, { loaders }: Context): Promise<Quota> {
  const use = await loaders.quota.load(id)
  return {
    gpus: { limit: maxGpus, used: use?.usedGpus ?? 0 },
    vcpus: { limit: maxVcpus, used: (use?.usedMilliCpus ?? 0) / 1000 },
  }
}

const ProjectRef = builder.prismaNode('Project', {
  description: 'The tenant: owns notebooks and data stores, has a quota and a bill.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'For people.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
    dataStores: t.relation('dataStores', {
      description: 'Its data stores, oldest first.',
      query: { where: { deletedAt: null }, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] },
    }),
    quota: t.field({
      type: QuotaRef,
      description: 'Its limits and what is in use.',
      resolve: (project, _args, context) => quotaOf(project, context),
    }),
    currentCost: t.field({
      type: MoneyRef,
      description: 'Of all runs in the present calendar month (UTC), live: every minute that began in it.',
      resolve: async ({ id }, _args, { loaders, parts }) => ({
        amount: toAmount((await loaders.projectCost.load(id)) ?? 0n),
        currency: parts.catalogue.currency,
      }),
    }),
    forecast: t.field({
      type: MoneyRef,
      description:
        'currentCost at the end of the month if nobody starts or stops anything: what runs goes on to its limit, and with autoRestart to the month’s end.',
      resolve: async ({ id }, _args, { loaders, parts }) => ({
        amount: toAmount((await loaders.projectForecast.load(id)) ?? 0n),
        currency: parts.catalogue.currency,
      }),
    }),
  }),
})

const ProjectConnection = builder.connectionObject(
  { type: ProjectRef, name: 'ProjectConnection', description: 'A page of projects.' },
  { name: 'ProjectEdge', description: 'A project in a page.' },
)

builder.queryFields((t) => ({
  project: t.prismaField({
    type: ProjectRef,
    nullable: true,
    description: 'Null: not there, or not yours.',
    args: { id: t.arg.id({ required: true, description: 'The project’s.' }) },
    resolve: (query, _root, args, context) => {
      const id = decodeId('Project', args.id)
      const where = { ...visibleProjects(viewerOf(context)), id: id ?? '' }
      return id ? context.parts.database.project.findFirst({ ...query, where }) : null
    },
  }),
  projects: t.field({
    type: ProjectConnection,
    description: 'The projects you are a member of, oldest first.',
    args: pageArgs,
    complexity: pageComplexity,
    resolve: (_root, args, context, info) =>
      connectionOf<Project>(args, { column: 'createdAt', direction: 'asc' }, ({ where, ...page }) =>
        context.parts.database.project.findMany({
          ...nodesQuery<Prisma.ProjectInclude>(context, info),
          ...page,
          where: { AND: [visibleProjects(viewerOf(context)), where] },
        }),
      ),
  }),
}))

const CreateProjectInput = builder.inputType('CreateProjectInput', {
  description: 'A new project.',
  fields: (t) => ({ name: t.string({ required: true, description: 'For people; at most 100 characters.' }) }),
})

const SetQuotaInput = builder.inputType('SetQuotaInput', {
  description: 'A project’s new limits.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'Whose.' }),
    gpus: t.int({ description: 'Units of GPU flavors; as it is unless given.' }),
    vcpus: t.int({ description: 'vCPUs of CPU flavors; as it is unless given.' }),
  }),
})

builder.mutationFields((t) => ({
  createProject: t.field({
    type: ProjectRef,
    description: 'Creates a project and makes you its owner.',
    args: { input: t.arg({ type: CreateProjectInput, required: true, description: 'The project.' }) },
    errors: {
      types: [ForbiddenError, ValidationError],
      union: { description: 'The project, or why there is none.' },
    },
    resolve: (_root, { input }, context) => createProject(context.parts, viewerOf(context), input),
  }),
  setQuota: t.field({
    type: QuotaRef,
    description:
      'Sets what a project may use; for those who look after the installation. It holds for every start from now on: what runs already goes on, also beyond a lower limit.',
    args: { input: t.arg({ type: SetQuotaInput, required: true, description: 'The limits.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError],
      union: { description: 'The quota as it is now, or why it was not set.' },
    },
    resolve: async (_root, { input }, context) =>
      quotaOf(await setQuota(context.parts, viewerOf(context), input), context),
  }),
}))
