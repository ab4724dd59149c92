/** What is not yet safe in its bucket: local copies that a notebook may have written to. */
import { builder } from './builder.ts'
import { VolumeRef } from './volume.ts'

export const UnsavedDataRef = builder.prismaObject('LocalCopy', {
  name: 'UnsavedData',
  description: 'A workspace or volume whose newest files may be on a node only.',
  fields: (t) => ({
    volume: t.field({
      type: VolumeRef,
      nullable: true,
      description: 'Which volume; null: the workspace.',
      resolve: ({ target }, _args, { loaders }) => (target === 'workspace' ? null : loaders.volume.load(target)),
    }),
    files: t.exposeInt('unsavedFiles', {
      nullable: true,
      description:
        'How many files the last try to save left; what a notebook that runs wrote since is not among them. Null: not tried yet, or not counted.',
    }),
    bytes: t.expose('unsavedBytes', { type: 'ByteSize', nullable: true, description: 'How much that is.' }),
    since: t.expose('writtenSince', { type: 'DateTime', nullable: true, description: 'Since when it may differ.' }),
    node: t.exposeString('nodeId', { description: 'The node that holds it.' }),
    problem: t.exposeString('saveError', { nullable: true, description: 'Why saving it failed; null: not tried yet.' }),
  }),
})
