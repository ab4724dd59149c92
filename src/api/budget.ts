/** Budgets: what a project's month may cost, and what happens then. */
import { priceToDecimal, toAmount } from '../domain/billing.ts'
import { ForbiddenError, NotFoundError, ValidationError } from '../domain/errors.ts'
import { requireId } from '../domain/ids.ts'
import type { Budget } from '../generated/prisma/client.ts'
import { setBudget } from '../usecases/budgets.ts'
import { builder } from './builder.ts'
import { viewerOf } from './context.ts'
import { OnBudgetReached } from './enums.ts'
import { MoneyRef } from './money.ts'

/** `terms`: null when the budget was taken away. */
interface ProjectBudget {
  projectId: string
  terms: Budget | null
}

const BudgetRef = builder.objectRef<ProjectBudget>('Budget').implement({
  description: 'What a project may cost in each calendar month (UTC).',
  fields: (t) => ({
    amount: t.field({
      type: MoneyRef,
      nullable: true,
      description: 'Of a month; null once it is taken away.',
      resolve: ({ terms }) => terms && { amount: priceToDecimal(terms.amountMicros), currency: terms.currency },
    }),
    spent: t.field({
      type: MoneyRef,
      description: 'What the present month has cost until now: the project’s currentCost.',
      resolve: async ({ projectId }, _args, { loaders, parts }) => ({
        amount: toAmount((await loaders.projectCost.load(projectId)) ?? 0n),
        currency: parts.catalogue.currency,
      }),
    }),
    onBudgetReached: t.field({
      type: OnBudgetReached,
      nullable: true,
      description: 'What happens when it is used up; null once it is taken away.',
      resolve: ({ terms }) => terms?.onReached ?? null,
    }),
    stopsAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        'When the first minute begins that would exceed it, if all that runs goes on: before that it is stopped. Null: not in this month, or it only notifies.',
      resolve: ({ terms }) => terms?.stopAt ?? null,
    }),
  }),
})

builder.prismaObjectField('Project', 'budget', (t) =>
  t.field({
    type: BudgetRef,
    nullable: true,
    description: 'What each calendar month may cost; null: nothing was set.',
    resolve: async ({ id }, _args, { loaders }) => {
      const terms = await loaders.budget.load(id)
      return terms && { projectId: id, terms }
    },
  }),
)

const SetBudgetInput = builder.inputType('SetBudgetInput', {
  description: 'What a project’s month may cost. It counts for the present month from its first day on.',
  fields: (t) => ({
    projectId: t.id({ required: true, description: 'Whose.' }),
    amount: t.field({
      type: 'Decimal',
      description: 'In the installation’s currency; null takes the budget away.',
    }),
    onBudgetReached: t.field({ type: OnBudgetReached, description: 'NOTIFY unless given.' }),
  }),
})

builder.mutationFields((t) => ({
  setBudget: t.field({
    type: BudgetRef,
    description:
      'Sets, changes or takes away a project’s budget. Everybody is warned at 50, 80 and 100 %; one that stops ends every run before the first minute that would exceed it, with all data saved, and refuses starts until it is raised or the month is over.',
    args: { input: t.arg({ type: SetBudgetInput, required: true, description: 'The budget.' }) },
    errors: {
      types: [NotFoundError, ForbiddenError, ValidationError],
      union: { description: 'The budget as it is now, or why it was not set.' },
    },
    resolve: async (_root, { input }, context) => ({
      projectId: requireId('Project', input.projectId),
      terms: await setBudget(context.parts, viewerOf(context), { ...input, amount: input.amount ?? null }),
    }),
  }),
}))
