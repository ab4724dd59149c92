/**
 * The memory that bodies of uploads are read into: bounded in all, and large buffers are used again, because the garbage
 * collector would come too late for them.
 */
import { PART_BYTES } from './digest.ts'
import { Budget } from './parallel.ts'

/** Four parts at once. */
const TOTAL_BYTES = 4 * PART_BYTES
const LARGE_BYTES = 4 * 1024 * 1024

export interface Room {
  bytes: Buffer
  /** The bytes are not to be touched after it. */
  release: () => void
}

export class BodyMemory {
  readonly #budget = new Budget(TOTAL_BYTES)
  readonly #free: Buffer[] = []

  /** Waits until there is room. */
  async claim(size: number): Promise<Room> {
    const isPooled = size > LARGE_BYTES && size <= PART_BYTES
    const giveBack = await this.#budget.claim(isPooled ? PART_BYTES : size)
    if (!isPooled) return { bytes: Buffer.allocUnsafe(size), release: giveBack }
    const whole = this.#free.pop() ?? Buffer.allocUnsafeSlow(PART_BYTES)
    const release = () => {
      this.#free.push(whole)
      giveBack()
    }
    return { bytes: whole.subarray(0, size), release }
  }
}
