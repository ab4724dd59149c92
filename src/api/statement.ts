/** Statements: what a project's runs cost in a month. */
import { priceToDecimal, toAmount, toTotal } from '../domain/billing.ts'
import { csvOf } from '../domain/csv.ts'
import { parseMonth } from '../domain/month.ts'
import { type Statement, type StatementLine, statementOf } from '../usecases/statements.ts'
import { builder } from './builder.ts'
import { FlavorRef, shownFlavor } from './catalogue.ts'
import { viewerOf } from './context.ts'
import { MoneyRef } from './money.ts'
import { NotebookRef } from './notebook.ts'
import { textOnly } from './scalars.ts'

builder.scalarType('YearMonth', {
  description: 'A calendar month in UTC: `2026-11`.',
  serialize: (value) => value,
  parseValue: textOnly('YearMonth', parseMonth),
})

const StatementLineRef = builder.objectRef<StatementLine>('StatementLine').implement({
  description: 'The runs of one notebook on one flavor at one price.',
  fields: (t) => ({
    notebook: t.field({
      type: NotebookRef,
      nullable: true,
      description: 'What ran; null once it is deleted.',
      resolve: ({ notebookId }, _args, { loaders }) => loaders.notebook.load(notebookId),
    }),
    notebookId: t.expose('notebookId', { type: 'UUID', description: 'Of what ran, also when it is deleted.' }),
    notebookName: t.exposeString('notebookName', { description: 'Its present name, or the last that it had.' }),
    flavor: t.field({
      type: FlavorRef,
      description: 'On what it ran.',
      resolve: ({ flavor }, _args, context) => shownFlavor(context, flavor),
    }),
    pricePerHour: t.field({
      type: MoneyRef,
      description: 'Of one unit.',
      resolve: ({ priceMicros, currency }) => ({ amount: priceToDecimal(priceMicros), currency }),
    }),
    minutes: t.exposeInt('minutes', { description: 'Commenced minutes that began in the month and are billed.' }),
    unitMinutes: t.field({
      type: 'Decimal',
      description: 'The same, each as often as the run had units.',
      resolve: ({ unitMinutes }) => unitMinutes.toString(),
    }),
    amount: t.field({
      type: MoneyRef,
      description: 'Unit minutes × price per hour / 60, half-even to 6 places.',
      resolve: ({ numerator, currency }) => ({ amount: toAmount(numerator), currency }),
    }),
  }),
})

const COLUMNS = [
  'month',
  'notebook_id',
  'notebook_name',
  'flavor',
  'price_per_hour',
  'currency',
  'minutes',
  'unit_minutes',
  'amount',
]

const StatementRef = builder.objectRef<Statement>('Statement').implement({
  description: 'What a project’s runs cost in a calendar month (UTC): every minute that began in it.',
  fields: (t) => ({
    month: t.expose('month', { type: 'YearMonth', description: 'Which month.' }),
    isClosed: t.exposeBoolean('isClosed', {
      description:
        'Whether it stays as it is: from 72 h after the month’s end on, but not while the end of a run before it is unknown.',
    }),
    lines: t.expose('lines', {
      type: [StatementLineRef],
      description: 'By notebook, flavor and price; notebooks in the order of their creation.',
    }),
    totals: t.field({
      type: [MoneyRef],
      description:
        'What counts: the sum of the exact lines, half-even to the cent. One for each currency that has a line.',
      resolve: ({ lines }) => totalsOf(lines),
    }),
    csv: t.string({
      description: 'The lines as comma-separated values (RFC 4180), with a head line.',
      resolve: ({ month, lines }) =>
        csvOf([
          COLUMNS,
          ...lines.map((line) => [
            month,
            line.notebookId,
            line.notebookName,
            line.flavor,
            priceToDecimal(line.priceMicros),
            line.currency,
            String(line.minutes),
            String(line.unitMinutes),
            toAmount(line.numerator),
          ]),
        ]),
    }),
  }),
})

function totalsOf(lines: readonly StatementLine[]) {
  const sums = new Map<string, bigint>()
  for (const { currency, numerator } of lines) sums.set(currency, (sums.get(currency) ?? 0n) + numerator)
  return [...sums].map(([currency, sum]) => ({ amount: toTotal(sum), currency }))
}

builder.prismaObjectField('Project', 'statement', (t) =>
  t.field({
    type: StatementRef,
    description:
      'Of a month, live as long as it is not closed. With a token for a label, of the notebooks that it sees.',
    args: { month: t.arg({ type: 'YearMonth', required: true, description: 'Which month.' }) },
    complexity: { field: 10, multiplier: 10 },
    resolve: ({ id }, { month }, context) =>
      statementOf(context.parts.database, viewerOf(context), id, month, context.parts.clock.now()),
  }),
)
