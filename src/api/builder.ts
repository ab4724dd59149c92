/**
 * The schema builder. Every root field needs a signed-in viewer, every operation has a bounded depth and cost, and a
 * mutation's result is a union of what it makes and the errors that a caller can cause.
 */
import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import ErrorsPlugin from '@pothos/plugin-errors'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { maySee } from '../access/policy.ts'
import { UnauthenticatedError } from '../domain/errors.ts'
import { encodeId, type NodeType, parseId } from '../domain/ids.ts'
import type { YearMonth } from '../domain/month.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import { AUDIT } from './audit-plugin.ts'
import { type Context, viewerOf } from './context.ts'
import { LIMITS, tooComplex } from './limits.ts'

export interface SchemaTypes {
  Context: Context
  PrismaTypes: PrismaTypes
  AuthScopes: { signedIn: boolean }
  DefaultAuthStrategy: 'all'
  DefaultFieldNullability: false
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    UUID: { Input: string; Output: string }
    URL: { Input: string; Output: string }
    Decimal: { Input: string; Output: string }
    YearMonth: { Input: YearMonth; Output: YearMonth }
    ByteSize: { Input: bigint; Output: bigint | number }
    EventCursor: { Input: string; Output: string }
  }
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ComplexityPlugin, ErrorsPlugin, AUDIT, ScopeAuthPlugin, RelayPlugin, PrismaPlugin],
  defaultFieldNullability: false,
  complexity: { limit: LIMITS, defaultComplexity: 1, defaultListMultiplier: 10, complexityError: tooComplex },
  errors: {
    directResult: true,
    defaultUnionOptions: { name: ({ fieldName }) => `${fieldName.charAt(0).toUpperCase()}${fieldName.slice(1)}Result` },
  },
  scopeAuth: {
    authorizeOnSubscribe: true,
    defaultStrategy: 'all',
    authScopes: ({ viewer }) => ({ signedIn: viewer !== null }),
    unauthorizedError: () => new UnauthenticatedError(),
  },
  relay: {
    encodeGlobalID: (type, id) => encodeId(type as NodeType, String(id)),
    decodeGlobalID: (id) => {
      const parsed = parseId(id)
      return { typename: parsed?.type ?? '', id: parsed?.uuid ?? '' }
    },
    nodeTypeOptions: { description: 'Anything with an id of its own.' },
    idFieldOptions: { description: 'Opaque; the same everywhere in the API.' },
    pageInfoTypeOptions: { description: 'Where a page stands in its list.' },
    hasNextPageFieldOptions: { description: 'Whether there is more behind it.' },
    hasPreviousPageFieldOptions: { description: 'Whether it began after a cursor.' },
    startCursorFieldOptions: { description: 'Of its first entry; null when it is empty.' },
    endCursorFieldOptions: { description: 'Of its last entry: the next page begins after it; null when it is empty.' },
    cursorFieldOptions: { description: 'A page can begin after it.' },
    nodeFieldOptions: { description: 'The entry itself.' },
    pageInfoFieldOptions: { description: 'Where the page stands in its list.' },
    // A page counts by its size, at the field that has it.
    edgesFieldOptions: { complexity: { field: 1, multiplier: 1 }, description: 'The entries of the page, in order.' },
    nodesQueryOptions: false,
    nodeQueryOptions: {
      description: 'Any object by its id; null when it is not there, or not yours.',
      args: { id: { description: 'The object’s.' } },
      resolve: async (_root, { id }, context, _info, resolveNode) => {
        if (!id.typename) return null
        const seen = await maySee(context.parts.database, viewerOf(context), id.typename as NodeType, id.id)
        return seen ? resolveNode(id) : null
      },
    },
  },
  prisma: { client: ({ parts }) => parts.database, dmmf: getDatamodel() },
})

const signedIn = { authScopes: { signedIn: true } }
builder.queryType({ ...signedIn, description: 'What can be read.' })
builder.mutationType({
  ...signedIn,
  description: 'What can be done. A mutation of a notebook records a wish and returns at once; watch its events.',
})
builder.subscriptionType({ ...signedIn, description: 'What can be watched, over WebSocket or server-sent events.' })
