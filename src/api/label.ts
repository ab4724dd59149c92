/** Labels, as they are shown. */
import type { Label } from '../domain/labels.ts'
import { builder } from './builder.ts'

export const LabelRef = builder.objectRef<Label>('Label').implement({
  description: 'A name with a value, to find and to group notebooks by.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique on its notebook.' }),
    value: t.exposeString('value', { description: 'May be empty.' }),
  }),
})
