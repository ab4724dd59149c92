/** Whether the parts that the server needs answer: all asked at the same time, each within two seconds. */
import type { Logger } from 'pino'
import type { Clock } from '../domain/clock.ts'

const PATIENCE_MS = 2_000

/** Resolves when the part answers; rejects when it does not. */
export type Checks = Readonly<Record<string, () => Promise<unknown>>>

export class Readiness {
  readonly #checks: Checks
  readonly #warnings: () => string[]
  readonly #clock: Clock
  readonly #log: Logger
  #asking: Promise<string[]> | null = null

  constructor(parts: { checks: Checks; warnings: () => string[]; clock: Clock; log: Logger }) {
    this.#checks = parts.checks
    this.#warnings = parts.warnings
    this.#clock = parts.clock
    this.#log = parts.log
  }

  /** Sentences on what an operator should know and what keeps nobody from working. */
  get warnings(): string[] {
    return this.#warnings()
  }

  /** The names of the parts that do not answer. Who asks meanwhile gets the same answer. */
  failing(): Promise<string[]> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    return this.#asking
  }

  async #ask(): Promise<string[]> {
    const verdicts = await Promise.all(
      Object.entries(this.#checks).map(async ([name, check]) => ((await this.#answers(name, check)) ? null : name)),
    )
    return verdicts.filter((name) => name !== null)
  }

  async #answers(name: string, check: () => Promise<unknown>): Promise<boolean> {
    const answered = new AbortController()
    const late = this.#clock.sleep(PATIENCE_MS, answered.signal).then(() => false)
    const asked = check().then(
      () => true,
      (error: unknown) => {
        this.#log.debug({ err: error, part: name }, 'a part does not answer')
        return false
      },
    )
    const verdict = await Promise.race([asked, late])
    answered.abort()
    return verdict
  }
}
