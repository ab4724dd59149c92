/** Answers that may be a little old: each is asked for once at a time, kept for a bounded time, and a failure is not kept. */
import type { Clock } from '../domain/clock.ts'

const MAX_ENTRIES = 10_000

export class Memo<Value> {
  readonly #entries = new Map<string, { value: Promise<Value>; until: number }>()
  readonly #clock: Clock
  readonly #milliseconds: number

  /** An answer is given for `milliseconds` from when it was asked for. */
  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock
    this.#milliseconds = milliseconds
  }

  get(key: string, ask: () => Promise<Value>): Promise<Value> {
    const now = this.#clock.now().getTime()
    const known = this.#entries.get(key)
    if (known && known.until > now) return known.value
    const entry = { value: ask(), until: now + this.#milliseconds }
    entry.value.catch(() => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    })
    // The oldest lie first, because an entry that is asked for anew goes to the end.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size <= MAX_ENTRIES) break
      this.#entries.delete(oldest)
    }
    return entry.value
  }

  /** Also an answer that is still being asked for will not be given to those who come later. */
  drop(key: string): void {
    this.#entries.delete(key)
  }
  clear(): void {
    this.#entries.clear()
  }
}
