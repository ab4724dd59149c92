/** How a call through the SDK can fail. What a mutation refuses is not among it: that is a member of its result. */
import type { ErrorCode } from './generated/operations.ts'

/** One error of an answer, as GraphQL has it. */
export interface AnswerError {
  message: string
  path?: readonly (string | number)[] | undefined
  extensions?: { code?: string; requestId?: string } | undefined
}

/** The API did not carry out the operation. `errors` is empty when what answered was not the API. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: number
  readonly errors: readonly AnswerError[]
  constructor(status: number, errors: readonly AnswerError[]) {
    super(errors.map(({ message }) => message).join(' ') || `The server answered with status ${status}.`)
    this.status = status
    this.errors = errors
  }
}

/** The stream was refused, or closed because access to it was lost; asking again would not help. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  /** The API's error code, e.g. `NOT_FOUND`, or `FORBIDDEN` when access was lost. */
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** A mutation's result was one of its errors. */
export class RefusedError<Refusal extends { code: ErrorCode; message: string }> extends Error {
  override readonly name = 'RefusedError'
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

type RefusalIn<Result> = Extract<Result, { code: ErrorCode; message: string }>

/** What a mutation made. Throws RefusedError when its result is an error instead. */
export function unwrap<Result extends object>(result: Result): Exclude<Result, RefusalIn<Result>> {
  if (isRefusal(result)) throw new RefusedError(result)
  return result as Exclude<Result, RefusalIn<Result>>
}

function isRefusal<Result extends object>(result: Result): result is Result & { code: ErrorCode; message: string } {
  return 'code' in result && 'message' in result
}
