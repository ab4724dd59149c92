/** Waits for signs of life, on the injected clock: its signal aborts when none came for so long. */
import type { Clock } from '../domain/clock.ts'

export class Watchdog implements Disposable {
  readonly #clock: Clock
  readonly #ms: number
  readonly #reason: Error
  readonly #starved = new AbortController()
  #watch = new AbortController()

  /** `ms` may pass between two signs, `firstMs` before the first one. The signal aborts with `reason`. */
  constructor(clock: Clock, ms: number, reason: Error, firstMs = ms) {
    this.#clock = clock
    this.#ms = ms
    this.#reason = reason
    this.#wait(Math.max(0, firstMs))
  }

  get signal(): AbortSignal {
    return this.#starved.signal
  }

  /** A sign of life. */
  feed(): void {
    this.#watch.abort()
    this.#wait(this.#ms)
  }

  [Symbol.dispose](): void {
    this.#watch.abort()
  }

  #wait(ms: number): void {
    const watch = new AbortController()
    this.#watch = watch
    void this.#clock.sleep(ms, watch.signal).then(() => {
      if (!watch.signal.aborted) this.#starved.abort(this.#reason)
    })
  }
}
