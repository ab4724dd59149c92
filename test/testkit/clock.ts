/**
 * The notebooks' time in a test's own hands: one clock for the process and for its database, where it takes the place of
 * `cahier_now()`. It goes on by itself until it is held, and jumps when it is advanced; what sleeps on it wakes then.
 */
import type { Clock } from '../../src/domain/clock.ts'
import type { Database } from '../../src/store/database.ts'

interface Sleeper {
  until: number
  wake(): void
  timer: NodeJS.Timeout | null
}

export class TestClock implements Clock {
  /** What `random` answers. */
  chance = 0.5
  /** Called after every jump. */
  onAdvance: () => void = () => undefined

  readonly #database: Database
  readonly #sleepers = new Set<Sleeper>()
  #aheadMs = 0
  #heldAt: number | null = null

  private constructor(database: Database) {
    this.#database = database
  }

  /** Takes over the time of this database. */
  static async of(database: Database): Promise<TestClock> {
    await database.$executeRaw`CREATE TABLE test_clock AS SELECT NULL::timestamptz AS held_at, interval '0' AS ahead`
    await database.$executeRaw`CREATE OR REPLACE FUNCTION cahier_now() RETURNS timestamptz LANGUAGE sql STABLE AS
      'SELECT coalesce(held_at, now()) + ahead FROM test_clock'`
    return new TestClock(database)
  }

  now(): Date {
    return new Date((this.#heldAt ?? Date.now()) + this.#aheadMs)
  }

  random(): number {
    return this.chance
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const wake = () => {
        this.#sleepers.delete(sleeper)
        if (sleeper.timer) clearTimeout(sleeper.timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const sleeper: Sleeper = { until: this.now().getTime() + ms, wake, timer: null }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', wake)
      this.#arm(sleeper)
    })
  }

  #arm(sleeper: Sleeper): void {
    if (sleeper.timer) clearTimeout(sleeper.timer)
    const left = Math.max(0, sleeper.until - this.now().getTime())
    sleeper.timer = this.#heldAt === null || left === 0 ? setTimeout(sleeper.wake, left) : null
  }

  /** Time stands still from now on: it moves only when it is advanced. */
  async hold(): Promise<void> {
    const [{ at }] = await this.#database.$queryRaw<[{ at: Date }]>`
      UPDATE test_clock SET held_at = date_trunc('milliseconds', now()) RETURNING held_at AS "at"`
    this.#heldAt = at.getTime()
    for (const sleeper of this.#sleepers) this.#arm(sleeper)
  }

  /** Time jumps ahead, in the database first: nobody in the process is ever ahead of it. */
  async advance(seconds: number): Promise<void> {
    await this.#database.$executeRaw`
      UPDATE test_clock SET ahead = ahead + make_interval(secs => ${seconds}::double precision)`
    this.#aheadMs += seconds * 1000
    for (const sleeper of [...this.#sleepers])
      if (sleeper.until <= this.now().getTime()) sleeper.wake()
      else this.#arm(sleeper)
    this.onAdvance()
  }
}
