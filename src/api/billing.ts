/** Billing periods: one for each run of a notebook. */
import { amountNumerator, commencedMinutes, priceToDecimal, toAmount } from '../domain/billing.ts'
import type { BillingPeriod } from '../generated/prisma/client.ts'
import { builder } from './builder.ts'
import { FlavorRef, shownFlavor } from './catalogue.ts'
import type { Context } from './context.ts'
import { PeriodEndSource } from './enums.ts'
import { MoneyRef } from './money.ts'

/** As billed, or live while the period is open. */
function minutesOf({ minutes, startedAt }: BillingPeriod, { parts }: Context): number {
  return minutes ?? commencedMinutes(startedAt, parts.clock.now())
}

const BillingPeriodRef = builder.prismaNode('BillingPeriod', {
  description: 'The billed record of one run: from entering RUNNING to leaving it.',
  nullable: true,
  id: { field: 'id' },
  fields: (t) => ({
    notebook: t.relation('notebook', { description: 'What ran.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it entered RUNNING.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'Null while it runs.' }),
    minutes: t.int({
      description: 'Commenced minutes; live while it runs.',
      resolve: (period, _args, context) => minutesOf(period, context),
    }),
    waivedMinutes: t.exposeInt('waivedMinutes', {
      description:
        'Of its minutes, those that nobody pays: run beyond a budget while no control plane was there to stop them.',
    }),
    flavor: t.field({
      type: FlavorRef,
      description: 'On what it ran.',
      resolve: ({ flavor }, _args, context) => shownFlavor(context, flavor),
    }),
    units: t.exposeInt('units', { description: 'How many units of the flavor.' }),
    pricePerHour: t.field({
      type: MoneyRef,
      description: 'Of one unit, as it was when the run began.',
      resolve: ({ pricePerHourMicros, currency }) => ({ amount: priceToDecimal(pricePerHourMicros), currency }),
    }),
    amount: t.field({
      type: MoneyRef,
      description:
        '(minutes − waivedMinutes) × units × price per hour / 60, half-even to 6 places; live while it runs.',
      resolve: (period, _args, context) => ({
        amount: toAmount(amountNumerator({ ...period, minutes: minutesOf(period, context) - period.waivedMinutes })),
        currency: period.currency,
      }),
    }),
    endSource: t.expose('endSource', {
      type: PeriodEndSource,
      nullable: true,
      description: 'By what its end is known; null while it runs.',
    }),
  }),
})

export const BillingPeriodConnection = builder.connectionObject(
  { type: BillingPeriodRef, name: 'BillingPeriodConnection', description: 'A page of billing periods.' },
  { name: 'BillingPeriodEdge', description: 'A billing period in a page.' },
)
