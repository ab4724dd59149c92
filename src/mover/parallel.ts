/**
 * Bounded parallel work: a budget of slots or bytes, and a map that keeps its input's order while it works on many at once.
 */

/** So many units; who claims more than there are waits in line. A claim above the whole budget gets all of it. */
export class Budget {
  readonly #size: number
  #free: number
  readonly #waiting: { units: number; grant: () => void }[] = []

  constructor(size: number) {
    this.#size = size
    this.#free = size
  }

  /** Resolves to the function that gives the units back. */
  async claim(wanted: number): Promise<() => void> {
    const units = Math.min(wanted, this.#size)
    if (this.#waiting.length > 0 || units > this.#free)
      await new Promise<void>((grant) => this.#waiting.push({ units, grant }))
    else this.#free -= units
    return () => this.#giveBack(units)
  }

  #giveBack(units: number): void {
    this.#free += units
    for (let first = this.#waiting[0]; first && first.units <= this.#free; first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#free -= first.units
      first.grant()
    }
  }
}

interface Pending<R> {
  result: Promise<R>
  settled: boolean
}

/**
 * Works on at most `width` items at once and yields the results in the order of the items; at most `window` results wait
 * for their turn. When work throws, `abort` is called with the error at once, what is under way is awaited, then it is thrown.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  { width, window, abort }: { width: number; window: number; abort: (error: unknown) => void },
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const slots = new Budget(width)
  const pending: Pending<R>[] = []
  let hasFailed = false
  const start = (item: T, release: () => void): Pending<R> => {
    const entry: Pending<R> = { result: work(item), settled: false }
    const settle = () => {
      entry.settled = true
      release()
    }
    entry.result.then(settle, (error: unknown) => {
      hasFailed = true
      abort(error)
      settle()
    })
    return entry
  }
  try {
    for await (const item of items) {
      const release = await slots.claim(1)
      if (hasFailed) break
      pending.push(start(item, release))
      while (pending[0]?.settled || pending.length >= window) yield await (pending.shift() as Pending<R>).result
    }
    while (pending.length > 0) yield await (pending.shift() as Pending<R>).result
  } catch (error) {
    abort(error)
    throw error
  } finally {
    await Promise.allSettled(pending.map(({ result }) => result))
  }
}
