/**
 * Pages by position, not by offset: a cursor holds what the list is ordered by, so a page is right also when the row it
 * begins after was changed or deleted meanwhile. Every order ends in the id and so has no ties.
 */
import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { z } from 'zod'
import { ValidationError } from '../domain/errors.ts'
import { isUuid } from '../domain/ids.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { DEFAULT_PAGE, MAX_PAGE, pageSize } from './limits.ts'

export const pageArgs = builder.args((t) => ({
  first: t.int({ description: `How many, at most ${MAX_PAGE}; ${DEFAULT_PAGE} unless told.` }),
  after: t.string({ description: 'The `endCursor` of the page before.' }),
}))

/** What the nodes of a connection are to be read with, for the fields that were asked of them. */
export function nodesQuery<Include>(context: Context, info: GraphQLResolveInfo): { include?: Include } {
  return queryFromInfo({ context, info, path: ['edges', 'node'] }) as { include?: Include }
}

export interface PageArgs {
  first?: number | null | undefined
  after?: string | null | undefined
}

/** By which column, and which way. The id comes second, the same way. */
export interface ListOrder<Row> {
  column: keyof Row & string
  direction: 'asc' | 'desc'
}

/** What a list is read with; `where` is to be combined with the list's own. */
export interface PageQuery {
  where: object
  orderBy: object[]
  take: number
}

/** Throws ValidationError for a page size out of bounds and for a cursor that is none of this list. */
export async function connectionOf<Row extends { id: string }>(
  args: PageArgs,
  order: ListOrder<Row>,
  read: (query: PageQuery) => Promise<Row[]>,
) {
  const size = pageSize(args.first)
  const { column, direction } = order
  const rows = await read({
    where: typeof args.after === 'string' ? behind(args.after, column, direction) : {},
    orderBy: [{ [column]: direction }, { id: direction }],
    take: size + 1,
  })
  const edges = rows.slice(0, size).map((node) => ({ node, cursor: cursorOf(column, node[column], node.id) }))
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > size,
      hasPreviousPage: typeof args.after === 'string',
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/** How often the fields below a connection count: once per entry of the page. */
export function pageComplexity({ first }: PageArgs) {
  return { field: 1, multiplier: Math.min(Math.max(first ?? DEFAULT_PAGE, 1), MAX_PAGE) }
}

function cursorOf(column: string, value: unknown, id: string): string {
  const position = value instanceof Date ? { by: column, at: value.getTime(), id } : { by: column, text: value, id }
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

function behind(cursor: string, column: string, direction: 'asc' | 'desc'): object {
  const { value, id } = readCursor(cursor, column)
  const [past, from] = direction === 'asc' ? ['gt', 'gte'] : ['lt', 'lte']
  // The first condition lets the index begin at the right place, the second decides among equals.
  return { AND: [{ [column]: { [from]: value } }, { OR: [{ [column]: { [past]: value } }, { id: { [past]: id } }] }] }
}

/** The last millisecond that a Date can hold. */
const MAX_TIME = 8.64e15

const Position = z.union([
  z.object({
    by: z.string(),
    at: z
      .int()
      .min(0)
      .max(MAX_TIME)
      .transform((at) => new Date(at)),
    id: z.string().refine(isUuid),
  }),
  z.object({ by: z.string(), text: z.string().regex(/^[^\0]*$/), id: z.string().refine(isUuid) }),
])

function readCursor(cursor: string, column: string): { value: Date | string; id: string } {
  const position = Position.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString())).data
  if (position?.by !== column)
    throw new ValidationError([{ path: 'after', message: 'is no cursor of a list in this order.' }])
  return { value: 'at' in position ? position.at : position.text, id: position.id }
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
