/** Inputs that several mutations share. */
import { builder } from './builder.ts'
import { VolumePermission } from './enums.ts'

export const LabelInput = builder.inputType('LabelInput', {
  description: 'A label.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 63 letters, digits, ".", "_", "/" and "-".' }),
    value: t.string({ required: true, description: 'At most 63 letters, digits, blanks and "._/@:+-".' }),
  }),
})

export const EnvVarInput = builder.inputType('EnvVarInput', {
  description: 'An environment variable. Its value is sealed and never shown again.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Letters, digits and "_". PATH, HOME, LD_*, JUPYTER_* and CAHIER_* are reserved.',
    }),
    value: t.string({ required: true, description: 'Any text without NUL.' }),
  }),
})

const BucketSourceInput = builder.inputType('BucketSourceInput', {
  description: 'A bucket of a data store, or the part of it below a prefix.',
  fields: (t) => ({
    dataStoreId: t.id({ required: true, description: 'A data store of the notebook’s project.' }),
    bucket: t.string({ required: true, description: 'The bucket’s name. It is created at the first push if missing.' }),
    prefix: t.string({ description: 'Such as `data/2026`; the whole bucket unless given.' }),
  }),
})

export const VolumeInput = builder.inputType('VolumeInput', {
  description: 'Remote data to attach.',
  fields: (t) => ({
    bucket: t.field({ type: BucketSourceInput, description: 'Where the data lies.' }),
    mountPath: t.string({
      required: true,
      description: 'Below /workspace or /mnt, or a new top-level directory; no volume inside another.',
    }),
    permission: t.field({
      type: VolumePermission,
      defaultValue: 'RO',
      description: 'What the notebook may do with it.',
    }),
  }),
})

export const IDEMPOTENCY_KEY = {
  description:
    'A repeat with the same key and input within 24 hours does nothing more and answers with the notebook as it is then.',
} as const

export const CONFIRM_DELETIONS =
  'Carries out deletions in RWD volumes even when they are more than half of the objects; else those are held back.'
