/**
 * What a caller can cause. Everything else that is thrown is a bug or the platform's fault, and is masked.
 * `code` is stable and for programs, `message` is one sentence for people.
 */
import type { State } from './lifecycle.ts'

export type ErrorCode =
  | 'NOT_FOUND'
  | 'INVALID_STATE'
  | 'VALIDATION'
  | 'QUOTA_EXCEEDED'
  | 'BUDGET_REACHED'
  | 'FLAVOR_UNAVAILABLE'
  | 'CONFLICT'
  | 'DATA_STORE'
  | 'FORBIDDEN'
  | 'UNAUTHENTICATED'

export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode
}

/** Not there, or not the caller's: the two look alike, so that nothing can be probed. */
export class NotFoundError extends DomainError {
  override readonly name = 'NotFoundError'
  readonly code = 'NOT_FOUND'
  constructor(what: string) {
    super(`There is no such ${what}, or it is not yours.`)
  }
}

/** The notebook's present state does not allow it. */
export class InvalidStateError extends DomainError {
  override readonly name = 'InvalidStateError'
  readonly code = 'INVALID_STATE'
  readonly state: State
  /** The states in which it is allowed. */
  readonly allowed: readonly State[]
  constructor(message: string, state: State, allowed: readonly State[]) {
    super(message)
    this.state = state
    this.allowed = allowed
  }
}

export interface FieldProblem {
  /** Path below `input`, e.g. "volumes.1.mountPath". */
  path: string
  message: string
}

export class ValidationError extends DomainError {
  override readonly name = 'ValidationError'
  readonly code = 'VALIDATION'
  readonly fields: readonly FieldProblem[]
  constructor(fields: readonly FieldProblem[]) {
    super(fields.map(({ path, message }) => `${path}: ${message}`).join(' '))
    this.fields = fields
  }
}

/** Counts in GPUs, or in vCPUs of CPU flavors. */
export class QuotaExceededError extends DomainError {
  override readonly name = 'QuotaExceededError'
  readonly code = 'QUOTA_EXCEEDED'
  readonly limit: number
  readonly used: number
  readonly requested: number
  constructor(unit: 'GPUs' | 'vCPUs', counts: { limit: number; used: number; requested: number }) {
    super(
      `The project may use ${counts.limit} ${unit}; ${counts.used} are in use and ${counts.requested} were asked for.`,
    )
    this.limit = counts.limit
    this.used = counts.used
    this.requested = counts.requested
  }
}

/** The project's budget for the month stops what runs, and one minute more would exceed it. Sums are decimals. */
export class BudgetReachedError extends DomainError {
  override readonly name = 'BudgetReachedError'
  readonly code = 'BUDGET_REACHED'
  readonly budget: { amount: string; currency: string }
  readonly spent: { amount: string; currency: string }
  constructor(currency: string, sums: { budget: string; spent: string }) {
    super(`The project has a budget of ${sums.budget} ${currency} for this month, of which ${sums.spent} are used.`)
    this.budget = { amount: sums.budget, currency }
    this.spent = { amount: sums.spent, currency }
  }
}

/** No node of the engine could ever host it. */
export class FlavorUnavailableError extends DomainError {
  override readonly name = 'FlavorUnavailableError'
  readonly code = 'FLAVOR_UNAVAILABLE'
  /** Ids of the flavors of which one unit could run. */
  readonly available: readonly string[]
  constructor(message: string, available: readonly string[]) {
    super(message)
    this.available = available
  }
}

/** An idempotency key used again with another input, or a name that is taken. */
export class ConflictError extends DomainError {
  override readonly name = 'ConflictError'
  readonly code = 'CONFLICT'
}

/** A data store cannot be used as asked. */
export class DataStoreError extends DomainError {
  override readonly name = 'DataStoreError'
  readonly code = 'DATA_STORE'
}

/** The caller sees it but may not do this. */
export class ForbiddenError extends DomainError {
  override readonly name = 'ForbiddenError'
  readonly code = 'FORBIDDEN'
}

/** No token came with the request, or none that is known, unrevoked and unexpired. */
export class UnauthenticatedError extends DomainError {
  override readonly name = 'UnauthenticatedError'
  readonly code = 'UNAUTHENTICATED'
  constructor() {
    super('Send a valid API token: "Authorization: Bearer cah_…".')
  }
}
