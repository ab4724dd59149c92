/** Data syncs: runs of pull or push over one volume or the workspace. */
import { builder } from './builder.ts'
import { SyncDirection, SyncState } from './enums.ts'

interface FileFailure {
  path: string
  message: string
}

interface FileConflict {
  path: string
  keptAs: string
}

const FileFailureRef = builder.objectRef<FileFailure>('FileFailure').implement({
  description: 'A file that was not carried.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Relative to the volume or the workspace.' }),
    message: t.exposeString('message', { description: 'Why.' }),
  }),
})

const FileConflictRef = builder.objectRef<FileConflict>('FileConflict').implement({
  description: 'A file that was changed on both sides. Both versions were kept.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Relative to the volume or the workspace.' }),
    keptAs: t.exposeString('keptAs', { description: 'Where the version lies that lost the name.' }),
  }),
})

export const DataSyncRef = builder.prismaNode('DataSync', {
  description:
    'One run of pull or push over one volume or the workspace. Totals are known before the first byte moves.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    notebook: t.relation('notebook', { description: 'Whose data it moves.' }),
    volume: t.relation('volume', { nullable: true, description: 'Which volume; null: the workspace.' }),
    direction: t.expose('direction', { type: SyncDirection, description: 'Which way.' }),
    state: t.expose('state', { type: SyncState, description: 'How far it is.' }),
    filesDone: t.exposeInt('filesDone', { description: 'Files copied so far.' }),
    filesTotal: t.exposeInt('filesTotal', {
      nullable: true,
      description: 'Files to copy, skip or delete; null until all are listed.',
    }),
    filesSkipped: t.exposeInt('filesSkipped', {
      description: 'Files that moved no bytes, being the same on both sides.',
    }),
    filesDeleted: t.exposeInt('filesDeleted', { description: 'Files deleted on the receiving side.' }),
    filesFailed: t.exposeInt('filesFailed', { description: 'Files that could not be carried.' }),
    bytesDone: t.expose('bytesDone', { type: 'ByteSize', description: 'Bytes moved so far.' }),
    bytesTotal: t.expose('bytesTotal', {
      type: 'ByteSize',
      nullable: true,
      description: 'Bytes to move; null until all files are listed.',
    }),
    bytesPerSecond: t.exposeFloat('bytesPerSecond', { nullable: true, description: 'Since its start.' }),
    eta: t.expose('eta', { type: 'DateTime', nullable: true, description: 'When it will be done at this speed.' }),
    failures: t.field({
      type: [FileFailureRef],
      description: 'The first 100 files that were not carried.',
      resolve: ({ failures }) => failures as unknown as FileFailure[],
    }),
    conflicts: t.field({
      type: [FileConflictRef],
      description: 'The first 100 files that were changed on both sides.',
      resolve: ({ conflicts }) => conflicts as unknown as FileConflict[],
    }),
    deletionsHeld: t.exposeInt('deletionsHeld', {
      description: 'Deletions not carried out because they were more than half of the objects.',
    }),
    message: t.exposeString('message', { nullable: true, description: 'Why it failed.' }),
    isCheckpoint: t.exposeBoolean('isCheckpoint', {
      description:
        'Whether it saves the workspace of a running notebook because it is time to. Of those that found nothing to carry only the newest is kept, and they are no events.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When its mover was started.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
})

export const DataSyncConnection = builder.connectionObject(
  { type: DataSyncRef, name: 'DataSyncConnection', description: 'A page of data syncs.' },
  { name: 'DataSyncEdge', description: 'A data sync in a page.' },
)
