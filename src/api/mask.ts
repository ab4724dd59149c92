/**
 * What of an error goes out. What a caller can cause is said as it is, with its code; everything else is a fault of ours:
 * the caller gets an id, and the log gets the error under that id, once.
 */
import { randomUUID } from 'node:crypto'
import { GraphQLError, type GraphQLErrorOptions } from 'graphql'
import type { Logger } from 'pino'
import { DomainError } from '../domain/errors.ts'

export function maskError(log: Logger, error: unknown): Error {
  const cause = causeOf(error)
  if (cause instanceof DomainError) return withCode(error, cause)
  if (cause instanceof GraphQLError) return error as Error
  const requestId = randomUUID()
  log.error({ err: cause, requestId }, 'an operation failed unexpectedly')
  return new GraphQLError('Something went wrong on our side.', {
    ...placeOf(error),
    extensions: { code: 'INTERNAL', requestId, http: { status: 500 } },
  })
}

/** What was really thrown: GraphQL wraps it to say in which field. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? causeOf(error.originalError) : error
}

function withCode(error: unknown, cause: DomainError): GraphQLError {
  const http =
    cause.code === 'UNAUTHENTICATED' ? { http: { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } } } : {}
  return new GraphQLError(cause.message, {
    ...placeOf(error),
    originalError: cause,
    extensions: { code: cause.code, ...http },
  })
}

function placeOf(error: unknown): GraphQLErrorOptions {
  if (!(error instanceof GraphQLError)) return {}
  const { nodes, path } = error
  return { nodes: nodes ?? null, path: path ?? null }
}
