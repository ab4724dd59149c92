/**
 * The errors that a caller can cause, as members of results. Only these types may be named in a field's `errors`: what else
 * is thrown is masked.
 */
import {
  BudgetReachedError,
  ConflictError,
  DataStoreError,
  type DomainError,
  type ErrorCode,
  type FieldProblem,
  FlavorUnavailableError,
  ForbiddenError,
  InvalidStateError,
  NotFoundError,
  QuotaExceededError,
  ValidationError,
} from '../domain/errors.ts'
import { builder } from './builder.ts'
import { NotebookState } from './enums.ts'
import { MoneyRef } from './money.ts'

const CODES: Readonly<Record<ErrorCode, string>> = {
  NOT_FOUND: 'Not there, or not yours.',
  INVALID_STATE: 'The present state does not allow it.',
  VALIDATION: 'Some of the input is wrong.',
  QUOTA_EXCEEDED: 'The project may not use that much.',
  BUDGET_REACHED: 'The project’s budget for the month is used up.',
  FLAVOR_UNAVAILABLE: 'No node could ever host it.',
  CONFLICT: 'A name that is taken, or an idempotency key used with another input.',
  DATA_STORE: 'A data store cannot be used as asked.',
  FORBIDDEN: 'Your role does not allow it.',
  UNAUTHENTICATED: 'No valid API token came with the request.',
}

export const ErrorCodeRef = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs.',
  values: Object.fromEntries(Object.entries(CODES).map(([code, description]) => [code, { description }])) as Record<
    ErrorCode,
    { description: string }
  >,
})

const ErrorRef = builder.interfaceRef<DomainError>('Error').implement({
  description: 'What a caller can cause.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'One sentence for people.' }),
    code: t.field({ type: ErrorCodeRef, description: 'For programs.', resolve: ({ code }) => code }),
  }),
})

const FieldProblemRef = builder.objectRef<FieldProblem>('FieldProblem').implement({
  description: 'What is wrong with one field of an input.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Below `input`, such as `volumes.1.mountPath`.' }),
    message: t.exposeString('message', { description: 'One sentence for people.' }),
  }),
})

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'Not there, or not yours: the two look alike.',
  interfaces: [ErrorRef],
})

builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'You see it, but your role does not allow this.',
  interfaces: [ErrorRef],
})

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'A name that is taken, or an idempotency key that was used with another input.',
  interfaces: [ErrorRef],
})

builder.objectType(DataStoreError, {
  name: 'DataStoreError',
  description: 'The data store cannot be used as asked.',
  interfaces: [ErrorRef],
})

builder.objectType(InvalidStateError, {
  name: 'InvalidStateError',
  description: 'The notebook’s present state does not allow it.',
  interfaces: [ErrorRef],
  fields: (t) => ({
    state: t.expose('state', { type: NotebookState, description: 'The present state.' }),
    allowed: t.field({
      type: [NotebookState],
      description: 'The states in which it is allowed.',
      resolve: ({ allowed }) => [...allowed],
    }),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'Some of the input is wrong; everything that is, is listed.',
  interfaces: [ErrorRef],
  fields: (t) => ({
    fields: t.field({
      type: [FieldProblemRef],
      description: 'Every wrong field.',
      resolve: ({ fields }) => [...fields],
    }),
  }),
})

builder.objectType(QuotaExceededError, {
  name: 'QuotaExceededError',
  description: 'The project may not use that much. Counts GPUs, or vCPUs of CPU flavors, as the message says.',
  interfaces: [ErrorRef],
  fields: (t) => ({
    limit: t.exposeFloat('limit', { description: 'What the project may use.' }),
    used: t.exposeFloat('used', { description: 'What its notebooks hold now.' }),
    requested: t.exposeFloat('requested', { description: 'What was asked for.' }),
  }),
})

builder.objectType(BudgetReachedError, {
  name: 'BudgetReachedError',
  description: 'The project’s budget for the month stops what runs, and one minute more would exceed it.',
  interfaces: [ErrorRef],
  fields: (t) => ({
    budget: t.expose('budget', { type: MoneyRef, description: 'What the month may cost.' }),
    spent: t.expose('spent', { type: MoneyRef, description: 'What it has cost until now.' }),
  }),
})

builder.objectType(FlavorUnavailableError, {
  name: 'FlavorUnavailableError',
  description: 'No node of this installation could ever host that flavor in that number.',
  interfaces: [ErrorRef],
  fields: (t) => ({
    available: t.idList({
      description: 'The ids of the flavors of which one unit could run.',
      resolve: ({ available }) => [...available],
    }),
  }),
})
