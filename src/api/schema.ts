/** The schema: every noun adds itself to the builder. */
import './scalars.ts'
import './errors.ts'
import './viewer.ts'
import './catalogue.ts'
import './project.ts'
import './data-store.ts'
import './volume.ts'
import './sync.ts'
import './sync-mutations.ts'
import './billing.ts'
import './notebook.ts'
import './notebook-list.ts'
import './notebook-mutations.ts'
import './events.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema()
