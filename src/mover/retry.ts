/** Tries again what a store answered in passing: exponential backoff with full jitter, ended at once by the abort signal. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryPolicy {
  /** Tries in all. */
  attempts: number
  /** The longest pause before the second try, in milliseconds; doubled for each that follows. */
  firstPause: number
  longestPause: number
}

export const STORE_RETRIES: RetryPolicy = { attempts: 6, firstPause: 200, longestPause: 5_000 }

/** The last error when every try failed, or the first that is not transient. */
export async function retry<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  isTransient: (error: unknown) => boolean,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      signal.throwIfAborted()
      if (attempt >= policy.attempts || !isTransient(error)) throw error
    }
    const pause = Math.min(policy.longestPause, policy.firstPause * 2 ** (attempt - 1)) * Math.random()
    await sleep(pause, undefined, { signal })
  }
}
