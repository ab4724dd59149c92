/** A stream that is fed by calls: what is pushed comes out in order, to one reader, and nothing is lost before it reads. */
export class Inbox<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  #closed = false
  #error: Error | null = null
  #news = Promise.withResolvers<void>()

  push(item: T): void {
    this.#items.push(item)
    this.#news.resolve()
  }

  /** What is in it is still read; then the stream ends, or throws the error. */
  close(error: Error | null = null): void {
    this.#closed = true
    this.#error = error
    this.#news.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      yield* this.#items.splice(0)
      if (this.#items.length > 0) continue
      if (this.#error) throw this.#error
      if (this.#closed) return
      await this.#news.promise
      this.#news = Promise.withResolvers()
    }
  }
}

/** Closes the inbox when the signal aborts. */
export function closeOnAbort(inbox: Inbox<unknown>, signal: AbortSignal): void {
  if (signal.aborted) inbox.close()
  signal.addEventListener('abort', () => inbox.close(), { once: true })
}
