/**
 * What an operation may cost, on every transport alike. A list counts ten times what is asked of each entry, a page as
 * many times as entries were asked for.
 */
import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type DocumentNode, GraphQLError, type GraphQLSchema } from 'graphql'
import { ValidationError } from '../domain/errors.ts'

export const LIMITS = { complexity: 20_000, depth: 15, breadth: 500 }

/** Bytes of a request's body, or of one WebSocket message. */
export const MAX_REQUEST_BYTES = 256 * 1024

/** Tokens of a document. */
export const MAX_TOKENS = 5_000

/** How often a document may name `__schema` or `__type`. */
export const MAX_INTROSPECTIONS = 3

/** Entries of one page. */
export const MAX_PAGE = 100
export const DEFAULT_PAGE = 20

export function tooComplex(kind: string): GraphQLError {
  return new GraphQLError(`The operation asks for too much at once: its ${kind.toLowerCase()} is above the limit.`, {
    extensions: { code: 'TOO_COMPLEX' },
  })
}

/** The same limit for a subscription before it begins; while resolving fields it would be noticed only at the first event. */
export function assertAffordable(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown>,
  context: object,
): void {
  const { complexity, depth, breadth } = complexityFromQuery(document, { schema, ctx: context, variables })
  if (complexity > LIMITS.complexity) throw tooComplex('Complexity')
  if (depth > LIMITS.depth) throw tooComplex('Depth')
  if (breadth > LIMITS.breadth) throw tooComplex('Breadth')
}

/** How many entries to read. Throws ValidationError below 1 and above the limit, rather than to give fewer silently. */
export function pageSize(first: number | null | undefined): number {
  if (first === null || first === undefined) return DEFAULT_PAGE
  if (first >= 1 && first <= MAX_PAGE) return first
  throw new ValidationError([{ path: 'first', message: `must be from 1 to ${MAX_PAGE}.` }])
}
