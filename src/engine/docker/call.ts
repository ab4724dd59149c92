/**
 * One call of the Docker daemon: never without a limit, and what can go wrong comes out as the port's errors. A daemon
 * that refuses, breaks off, answers 5xx or not in time is EngineUnavailableError: nothing is known then.
 */
import { EngineUnavailableError } from '../port.ts'

/** Limits in seconds: `PING` for a sign of life, `READ` for what only looks, `WRITE` for what makes, starts or removes, `COPY` for files, `MEASURE` for a walk over all of them. */
export const LIMIT = { PING: 5, READ: 15, WRITE: 45, COPY: 120, MEASURE: 600 } as const

/**
 * Runs one call. The signal aborts it at the limit; the promise is rejected at the limit even when the HTTP client
 * never settles, as it does when the daemon dies in the middle of an answer.
 */
export async function call<T>(
  what: string,
  limitSeconds: number,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const expired = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    expired.reject(new EngineUnavailableError(`Docker did not ${what} within ${limitSeconds} s.`))
    limit.abort()
  }, limitSeconds * 1000)
  try {
    return await Promise.race([run(limit.signal), expired.promise])
  } catch (error) {
    throw asPortError(what, error)
  } finally {
    clearTimeout(timer)
  }
}

/** The HTTP status of a daemon's refusal; undefined when the error is something else. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' ? status : undefined
}

/** The promise's value, or `instead` when the daemon answers with that status. */
export async function unless<T, U>(status: number, promise: Promise<T>, instead: U): Promise<T | U> {
  try {
    return await promise
  } catch (error) {
    if (statusOf(error) === status) return instead
    throw error
  }
}

/** Refusals (4xx) stay as they are, for the caller to tell apart; faults of the daemon or the way to it are translated. */
export function asPortError(what: string, error: unknown): unknown {
  const status = statusOf(error)
  if (status !== undefined ? status >= 500 : isConnectionFault(error))
    return new EngineUnavailableError(`Docker could not ${what}: ${(error as Error).message.trim()}`, { cause: error })
  return error
}

/** Errors of sockets, name look-ups, HTTP parsing and aborts carry a code; bugs of ours do not. */
function isConnectionFault(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && typeof error.code === 'string'))
}
