/**
 * What a test makes the fake engine suffer. Nothing happens by chance or by time: each fault is ordered, meets the calls
 * that it was ordered for, and is over when it is told so.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type EngineCall, EngineUnavailableError } from '../port.ts'

/** A call that waits. */
export interface Hold {
  /** Resolves when a call has come that waits. */
  reached: Promise<void>
  release(): void
}

export class Faults {
  #refusals = 0
  #slowness = 0
  readonly #lostAnswers = new Set<EngineCall>()
  readonly #holds = new Map<EngineCall, { reached: PromiseWithResolvers<void>; released: PromiseWithResolvers<void> }>()

  /** The next calls, of whatever kind, are refused before they have an effect; Infinity until called again with 0. */
  refuse(calls: number): void {
    this.#refusals = calls
  }

  /** The next such call takes effect, but its caller does not hear of it. */
  loseAnswer(call: EngineCall): void {
    this.#lostAnswers.add(call)
  }

  /** Every call takes so much longer, in milliseconds. */
  slow(milliseconds: number): void {
    this.#slowness = milliseconds
  }

  /** Such calls wait, before they have an effect, until released. */
  hold(call: EngineCall): Hold {
    const hold = { reached: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() }
    this.#holds.set(call, hold)
    const release = () => {
      this.#holds.delete(call)
      hold.released.resolve()
    }
    return { reached: hold.reached.promise, release }
  }

  /** Every call goes through here. */
  async pass<T>(call: EngineCall, effect: () => T | Promise<T>): Promise<T> {
    const hold = this.#holds.get(call)
    hold?.reached.resolve()
    await hold?.released.promise
    if (this.#slowness > 0) await sleep(this.#slowness)
    if (this.#refusals > 0) {
      this.#refusals -= 1
      throw new EngineUnavailableError('The engine does not answer.')
    }
    const result = await effect()
    if (this.#lostAnswers.delete(call)) throw new EngineUnavailableError('The connection to the engine broke.')
    return result
  }
}
