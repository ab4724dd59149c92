/** Volumes: remote data at a mount path of a notebook. */
import type { DataStore } from '../generated/prisma/client.ts'
import { builder } from './builder.ts'
import { DataStoreRef } from './data-store.ts'
import { VolumePermission } from './enums.ts'
import { DataSyncRef } from './sync.ts'

interface BucketSource {
  dataStore: DataStore
  bucket: string
  prefix: string
}

const BucketSourceRef = builder.objectRef<BucketSource>('BucketSource').implement({
  description: 'A bucket of a data store, or the part of it below a prefix.',
  fields: (t) => ({
    dataStore: t.expose('dataStore', { type: DataStoreRef, description: 'Where the bucket is.' }),
    bucket: t.exposeString('bucket', { description: 'The bucket’s name.' }),
    prefix: t.exposeString('prefix', { description: 'Empty, or ending in "/": only what is below it is seen.' }),
  }),
})

const VolumeSourceRef = builder.unionType('VolumeSource', {
  description: 'Where a volume’s data lies.',
  types: [BucketSourceRef],
  resolveType: () => 'BucketSource',
})

export const VolumeRef = builder.prismaNode('Volume', {
  description: 'Remote data attached to a notebook at a mount path.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    notebook: t.relation('notebook', { description: 'Whose it is.' }),
    source: t.field({
      type: VolumeSourceRef,
      description: 'Where its data lies.',
      select: { dataStore: true },
      resolve: ({ dataStore, bucket, prefix }) => ({ dataStore, bucket, prefix }),
    }),
    mountPath: t.exposeString('mountPath', { description: 'Where it is seen inside the notebook.' }),
    permission: t.expose('permission', { type: VolumePermission, description: 'What the notebook may do with it.' }),
    lastSync: t.field({
      type: DataSyncRef,
      nullable: true,
      description: 'The newest of its syncs; null before the first.',
      resolve: ({ id }, _args, { loaders }) => loaders.lastSync.load(id),
    }),
  }),
})
