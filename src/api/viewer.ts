/** Who is asking. */
import type { Viewer } from '../access/tokens.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'

const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'The user for whom the API token stands.',
  fields: (t) => ({
    id: t.exposeID('userId', { description: 'Of the user.' }),
    name: t.exposeString('name', { description: 'Of the user.' }),
    tokenExpiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({ type: ViewerRef, description: 'Who is asking.', resolve: (_root, _args, context) => viewerOf(context) }),
)
