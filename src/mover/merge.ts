/**
 * The sorted merge of three sources of paths: what lies here, what the last sync recorded, what the bucket lists. It holds
 * one entry of each in memory, and refuses a source that is out of order: a wrong order would pass for deletions.
 */
import { comparePaths } from './order.ts'

interface Placed {
  path: string
}

/** Every path of any of the three, once, in order, with what each has of it. Throws OutOfOrderError. */
export async function* merge<A extends Placed, B extends Placed, C extends Placed>(
  a: AsyncIterable<A>,
  b: AsyncIterable<B>,
  c: AsyncIterable<C>,
): AsyncGenerator<[path: string, A | null, B | null, C | null], void, undefined> {
  const first = new Cursor(a)
  const second = new Cursor(b)
  const third = new Cursor(c)
  try {
    await first.next()
    await second.next()
    await third.next()
    for (;;) {
      const path = least(least(first.path, second.path), third.path)
      if (path === null) return
      const row: [string, A | null, B | null, C | null] = [path, first.at(path), second.at(path), third.at(path)]
      yield row
      if (row[1]) await first.next()
      if (row[2]) await second.next()
      if (row[3]) await third.next()
    }
  } finally {
    await Promise.all([first.close(), second.close(), third.close()])
  }
}

/** Paths did not come in the order of their UTF-8 bytes. */
export class OutOfOrderError extends Error {
  override readonly name = 'OutOfOrderError'
  constructor(before: string, after: string) {
    super(`The names do not come in the order of their bytes: "${after}" came after "${before}".`)
  }
}

class Cursor<T extends Placed> {
  readonly #source: AsyncIterator<T>
  #current: T | null = null

  constructor(source: AsyncIterable<T>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  get path(): string | null {
    return this.#current?.path ?? null
  }

  at(path: string): T | null {
    return this.#current?.path === path ? this.#current : null
  }

  async next(): Promise<void> {
    const before = this.#current
    const { value, done } = await this.#source.next()
    this.#current = done ? null : value
    if (before && this.#current && comparePaths(before.path, this.#current.path) >= 0)
      throw new OutOfOrderError(before.path, this.#current.path)
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

function least(a: string | null, b: string | null): string | null {
  if (a === null) return b
  if (b === null) return a
  return comparePaths(a, b) <= 0 ? a : b
}
