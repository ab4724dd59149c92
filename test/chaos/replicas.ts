/** Control planes that are started again whenever they end, as an operator's supervisor does. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Cahier, freePort, startCahier } from '../testkit/cahier.ts'
import type { Environment } from '../testkit/process.ts'
import { kindOf, type Tally } from './tally.ts'

/** After an end, in ms. */
const RESTART_AFTER = 500

export class Replica {
  readonly #environment: Environment
  readonly #tally: Tally
  readonly #ended = new AbortController()
  readonly #loop: Promise<void>
  #cahier: Cahier | null = null
  #output = ''

  private constructor(environment: Environment, tally: Tally) {
    this.#environment = environment
    this.#tally = tally
    this.#loop = this.#keepRunning()
  }

  static async start(environment: Environment, tally: Tally): Promise<Replica> {
    return new Replica({ ...environment, PORT: String(await freePort()) }, tally)
  }

  /** Null while it is down. */
  get cahier(): Cahier | null {
    return this.#cahier
  }

  /** What all its lives printed. */
  get output(): string {
    return this.#output + (this.#cahier?.output() ?? '')
  }

  async #keepRunning(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        this.#cahier = await startCahier(this.#environment)
        if (this.#ended.signal.aborted) await this.#cahier.interrupt()
        await this.#cahier.ended
        this.#output += this.#cahier.output()
      } catch (error) {
        // What it needs is down: it says so and ends.
        this.#output += `${(error as Error).message}\n`
        this.#tally.count(`a control plane could not start: ${kindOf(error)}`)
      }
      this.#cahier = null
      await delay(RESTART_AFTER)
    }
  }

  async kill(): Promise<void> {
    await this.#cahier?.kill()
  }

  async pauseFor(ms: number): Promise<void> {
    const { pid } = this.#cahier ?? {}
    if (!pid) return
    process.kill(pid, 'SIGSTOP')
    await delay(ms)
    // It may have been killed meanwhile.
    if (this.#cahier?.pid === pid) process.kill(pid, 'SIGCONT')
  }

  async end(): Promise<void> {
    this.#ended.abort()
    await this.#cahier?.interrupt()
    await this.#loop
  }
}
