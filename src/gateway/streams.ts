/**
 * Everything that is open between visitors and notebooks. Each is judged again every few seconds and cut once its visitor
 * may not have it any more, so that a revoked role ends in seconds what began with it.
 */
import type { Logger } from 'pino'
import type { Clock } from '../domain/clock.ts'

/** With the age of a verdict this stays below the five seconds in which a revocation must be felt. */
const JUDGE_EVERY_MS = 2_500

interface OpenStream {
  stillAllowed(): Promise<boolean>
  cut(): void
}

export class OpenStreams {
  readonly #open = new Set<OpenStream>()
  readonly #closing = new AbortController()
  readonly #clock: Clock
  readonly #logger: Logger

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
    void this.#judge()
  }

  /** Returns what takes it from the list again. Once closed, it is cut at once. */
  add(stream: OpenStream): () => void {
    if (this.#closing.signal.aborted) stream.cut()
    else this.#open.add(stream)
    return () => this.#open.delete(stream)
  }

  /** Cuts all. */
  close(): void {
    this.#closing.abort()
    for (const stream of this.#open) stream.cut()
    this.#open.clear()
  }

  async #judge(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      await this.#clock.sleep(JUDGE_EVERY_MS, signal)
      for (const stream of this.#open) {
        try {
          if (!(await stream.stillAllowed())) stream.cut()
        } catch (error) {
          // Nothing is known, so what is open stays open; who comes anew is refused meanwhile.
          this.#logger.warn({ err: error }, 'open streams could not be judged')
          break
        }
      }
    }
  }
}
