/** Data stores: a project's S3 endpoints. */
import { ConflictError, DataStoreError, ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import { createDataStore, deleteDataStore, testDataStore } from '../usecases/data-stores.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { DataStoreTestRef } from './data-store-test.ts'

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
    lastTest: t.field({
      type: DataStoreTestRef,
      nullable: true,
      description: 'What `testDataStore` found last, or is finding out; null: it was never tested.',
      select: { errands: { where: { kind: 'TEST' }, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], take: 1 } },
      resolve: ({ errands: [last] }) => last ?? null,
    }),
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

const TestDataStoreInput = builder.inputType('TestDataStoreInput', {
  description: 'What is to be tried.',
  fields: (t) => ({
    dataStoreId: t.id({ required: true, description: 'Which data store.' }),
    bucket: t.string({ required: true, description: 'With which of its buckets.' }),
    prefix: t.string({
      description: 'Below which prefix, where the keys are good for no more; the whole bucket unless given.',
    }),
  }),
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
  testDataStore: t.field({
    type: DataStoreRef,
    description:
      'Tries everything that a notebook needs of a data store, and says precisely what is wrong. Returns at once: `lastTest` tells how it goes, within a minute or so. The object that it puts to try that, `.cahier-test-…`, it deletes again. A test of the same that is under way is joined.',
    args: { input: t.arg({ type: TestDataStoreInput, required: true, description: 'Which, and with what.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError],
      union: { description: 'The data store, or why it is not tested.' },
    },
    resolve: (_root, { input }, context) => testDataStore(context.parts, viewerOf(context), input),
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
