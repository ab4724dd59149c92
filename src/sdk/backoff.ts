/** Waiting between attempts: longer each time up to a limit, never twice the same for two clients. */

const FIRST_MS = 200
const LONGEST_MS = 15_000

/** Milliseconds until the n-th repeat, n ≥ 1. `random` is in [0, 1). */
export function backoff(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1))
  return ceiling * (0.5 + random / 2)
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', done)
    resolve()
  }
  const timer = setTimeout(done, ms)
  signal?.addEventListener('abort', done)
  if (signal?.aborted) done()
  return promise
}
