/**
 * The GraphQL endpoint: queries, mutations and server-sent subscriptions over HTTP. Subscriptions over WebSocket go through
 * the same pipeline (see server/websocket.ts): the same context, guards and masking.
 */
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import type { Logger } from 'pino'
import { authenticate } from '../access/tokens.ts'
import type { ApiParts, Context } from './context.ts'
import { guards } from './guards.ts'
import { MAX_REQUEST_BYTES } from './limits.ts'
import { makeLoaders } from './loaders.ts'
import { maskError } from './mask.ts'
import { schema } from './schema.ts'

export const GRAPHQL_PATH = '/graphql'

/** What a transport other than HTTP knows about the caller. */
interface TransportContext {
  /** As in the header Authorization. */
  authorization?: string | undefined
}

export type GraphqlApi = YogaServerInstance<TransportContext, Context>

/** `origins`: whose pages may call the API from a browser. */
export function createGraphqlApi(parts: ApiParts, options: { origins: readonly string[]; log: Logger }): GraphqlApi {
  return createYoga<TransportContext, Context>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    landingPage: false,
    multipart: false,
    logging: false,
    // A token is sent on purpose, never by the browser itself, so there are no credentials to share.
    cors: { origin: [...options.origins], credentials: false, methods: ['GET', 'POST'] },
    graphiql: { title: 'Cahier', defaultQuery: '{ viewer { name } }' },
    maxRequestBodySize: MAX_REQUEST_BYTES,
    maskedErrors: { maskError: (error) => maskError(options.log, error) },
    plugins: [guards],
    context: async ({ authorization, request }) => {
      const viewer = await authenticate(parts.database, authorization ?? request?.headers.get('authorization'))
      return { parts, viewer, loaders: makeLoaders(parts, viewer) }
    },
  })
}
