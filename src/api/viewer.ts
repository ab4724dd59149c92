/** Who is asking, and with which tokens they may. */
import { ownTokens } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { encodeId } from '../domain/ids.ts'
import { ApiTokenRef } from './api-token.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'

const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'The user for whom the API token stands.',
  fields: (t) => ({
    id: t.id({ description: 'Of the user.', resolve: ({ userId }) => encodeId('User', userId) }),
    name: t.exposeString('name', { description: 'Of the user.' }),
    tokenExpiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
    apiTokens: t.prismaField({
      type: [ApiTokenRef],
      description: 'The user’s tokens that were not revoked, oldest first; of a token with limits, itself alone.',
      resolve: (query, viewer, _args, { parts }) =>
        parts.database.apiToken.findMany({
          ...query,
          where: ownTokens(viewer),
          orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        }),
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({ type: ViewerRef, description: 'Who is asking.', resolve: (_root, _args, context) => viewerOf(context) }),
)
