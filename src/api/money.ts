/** Money, as an exact decimal with its currency. */
import { builder } from './builder.ts'

export interface Money {
  amount: string
  currency: string
}

export const MoneyRef = builder.objectRef<Money>('Money').implement({
  description: 'An amount of money.',
  fields: (t) => ({
    amount: t.expose('amount', { type: 'Decimal', description: 'As an exact decimal.' }),
    currency: t.exposeString('currency', { description: 'ISO 4217, such as EUR.' }),
  }),
})
