/** A project's notebooks: filtered, ordered, in pages. */
import { visibleNotebooks } from '../access/policy.ts'
import type { Notebook, Prisma } from '../generated/prisma/client.ts'
import { builder } from './builder.ts'
import { connectionOf, type ListOrder, nodesQuery, pageArgs, pageComplexity } from './connection.ts'
import { viewerOf } from './context.ts'
import { NotebookState } from './enums.ts'
import { LabelInput } from './inputs.ts'
import { NotebookRef } from './notebook.ts'

const NotebookConnection = builder.connectionObject(
  { type: NotebookRef, name: 'NotebookConnection', description: 'A page of notebooks.' },
  { name: 'NotebookEdge', description: 'A notebook in a page.' },
)

const NotebookFilter = builder.inputType('NotebookFilter', {
  description: 'Which notebooks to list: those that meet every condition given.',
  fields: (t) => ({
    states: t.field({ type: [NotebookState], description: 'Those in one of these states.' }),
    name: t.string({ description: 'Those whose name contains it, in any case of letters.' }),
    labels: t.field({ type: [LabelInput], description: 'Those that have all of these labels.' }),
  }),
})

const COLUMNS = { CREATED_AT: 'createdAt', NAME: 'name' } as const

const NotebookOrder = builder.inputType('NotebookOrder', {
  description: 'In which order to list notebooks.',
  fields: (t) => ({
    field: t.field({
      type: builder.enumType('NotebookOrderField', {
        description: 'What notebooks can be ordered by.',
        values: {
          CREATED_AT: { description: 'When they were created.' },
          NAME: { description: 'Their name.' },
        },
      }),
      required: true,
      description: 'By what.',
    }),
    direction: t.field({
      type: builder.enumType('OrderDirection', {
        description: 'Which way a list goes.',
        values: {
          ASC: { description: 'The first or oldest first.' },
          DESC: { description: 'The last or newest first.' },
        },
      }),
      required: true,
      description: 'Which way.',
    }),
  }),
})

type Order = { field: keyof typeof COLUMNS; direction: 'ASC' | 'DESC' }
type Filter = typeof NotebookFilter.$inferInput

builder.prismaObjectField('Project', 'notebooks', (t) =>
  t.field({
    type: NotebookConnection,
    description: 'Its notebooks; oldest first unless ordered.',
    args: {
      ...pageArgs,
      filter: t.arg({ type: NotebookFilter, description: 'Which ones; all unless given.' }),
      orderBy: t.arg({ type: NotebookOrder, description: 'In which order.' }),
    },
    complexity: pageComplexity,
    resolve: ({ id }, { filter, orderBy, ...args }, context, info) =>
      connectionOf<Notebook>(args, listOrder(orderBy), ({ where, ...page }) =>
        context.parts.database.notebook.findMany({
          ...nodesQuery<Prisma.NotebookInclude>(context, info),
          ...page,
          where: { AND: [{ projectId: id }, visibleNotebooks(viewerOf(context)), conditions(filter), where] },
        }),
      ),
  }),
)

function listOrder(order: Order | null | undefined): ListOrder<Notebook> {
  return { column: COLUMNS[order?.field ?? 'CREATED_AT'], direction: order?.direction === 'DESC' ? 'desc' : 'asc' }
}

function conditions(filter: Filter | null | undefined): Prisma.NotebookWhereInput {
  const { states, name, labels } = filter ?? {}
  return {
    ...(states ? { state: { in: states } } : {}),
    ...(name ? { name: { contains: literally(withoutNul(name)), mode: 'insensitive' } } : {}),
    AND: (labels ?? []).map((label) => ({
      labels: { some: { name: withoutNul(label.name), value: withoutNul(label.value) } },
    })),
  }
}

/** Without the meaning that `%` and `_` have where texts are compared by pattern. */
function literally(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

/** The database knows no NUL in a text; neither does any name or label. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd')
}
