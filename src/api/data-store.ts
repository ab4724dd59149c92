/** Data stores: a project's S3 endpoints. */
import { ConflictError, DataStoreError, ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import { createDataStore, deleteDataStore } from '../usecases/data-stores.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'

export const DataStoreRef = builder.prismaNode('DataStore', {
  description: 'A named S3 endpoint of a project, with keys that are never shown again.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique in the project.' }),
    endpoint: t.expose('endpoint', { type: 'URL', description: 'Where the store answers.' }),
    region: t.exposeString('region', { description: 'Requests are signed for it.' }),
    pathStyle: t.exposeBoolean('pathStyle', { description: 'Whether buckets are named in the path, not in the host.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made known.' }),
  }),
})

const CreateDataStoreInput = builder.inputType('CreateDataStoreInput', {
  description: 'A new data store.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'Whose it will be.' }),
    name: t.string({ required: true, description: 'Unique in the project.' }),
    endpoint: t.field({ type: 'URL', required: true, description: 'Such as `https://s3.example.com`.' }),
    region: t.string({ required: true, description: 'Such as `eu-west-1`.' }),
    accessKeyId: t.string({ required: true, description: 'Sealed; never shown again.' }),
    secretAccessKey: t.string({ required: true, description: 'Sealed; never shown again.' }),
    pathStyle: t.boolean({
      defaultValue: true,
      description: 'Whether buckets are named in the path, not in the host.',
    }),
  }),
})

const DeleteDataStoreInput = builder.inputType('DeleteDataStoreInput', {
  description: 'The data store to delete.',
  fields: (t) => ({ dataStoreId: t.id({ required: true, description: 'Which one.' }) }),
})

builder.mutationFields((t) => ({
  createDataStore: t.field({
    type: DataStoreRef,
    description: 'Makes a data store known. It is not contacted: its keys are first used when a notebook starts.',
    args: { input: t.arg({ type: CreateDataStoreInput, required: true, description: 'The store.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError, ConflictError],
      union: { description: 'The data store, or why there is none.' },
    },
    resolve: (_root, { input }, context) => createDataStore(context.parts, viewerOf(context), input),
  }),
  deleteDataStore: t.field({
    type: DataStoreRef,
    description: 'Forgets a data store and its keys. Refused while a notebook has a volume of it; touches no bucket.',
    args: { input: t.arg({ type: DeleteDataStoreInput, required: true, description: 'The store.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, DataStoreError],
      union: { description: 'The data store that was deleted, or why it was not.' },
    },
    resolve: (_root, { input }, context) => deleteDataStore(context.parts, viewerOf(context), input),
  }),
}))
