/**
 * Tells subscribers of this process when to look. It holds no events: a subscriber costs one entry, whether it reads or not.
 * What is rung wakes them at once; a look at all watched projects twice a second makes up for anything that was not heard.
 * While syncs run, their progress is looked at four times a second, once for all; and so are the minutes that runs commence.
 */
import type { Logger } from 'pino'
import type { Clock } from '../domain/clock.ts'
import type { Database } from '../store/database.ts'
import { type Accrual, Accruals } from './accruals.ts'

const LOOK_MS = 250
/** Every how many looks the projects themselves are looked at. */
const LOOKS_PER_POLL = 2

/** A sync that runs; `revision` rises with its progress. */
export interface RunningSync {
  id: string
  notebookId: string
  projectId: string
  revision: number
}

/** One subscriber's ear. */
export interface Ear {
  /** To be called before looking and awaited after it: resolves at the first news since the call. */
  listen(): Promise<void>
  wake(): void
  close(): void
}

export class Hub {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Logger
  readonly #ended = new AbortController()
  readonly #ears = new Map<string, Set<Ear>>()
  /** Counter and access epoch of each watched project at the last look. */
  #seen = new Map<string, string>()
  #running: readonly RunningSync[] = []
  readonly #accruals: Accruals
  /** The last look failed, and that was said. */
  #blind = false
  #loop: Promise<void> = Promise.resolve()
  #someoneListens = Promise.withResolvers<void>()

  constructor(parts: { database: Database; clock: Clock; log: Logger }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#log = parts.log
    this.#accruals = new Accruals(parts.database)
  }

  start(): void {
    this.#loop = this.#keepLooking()
  }

  async close(): Promise<void> {
    this.#ended.abort()
    this.#someoneListens.resolve()
    await this.#loop
  }

  /** Something new in that project's sequence; null: maybe in every one's. */
  wake(projectId: string | null): void {
    const sets = projectId === null ? [...this.#ears.values()] : [this.#ears.get(projectId) ?? []]
    for (const ears of sets) for (const ear of ears) ear.wake()
  }

  subscribe(projectId: string): Ear {
    let news = Promise.withResolvers<void>()
    const ear: Ear = {
      listen() {
        news = Promise.withResolvers<void>()
        return news.promise
      },
      wake: () => news.resolve(),
      close: () => this.#remove(projectId, ear),
    }
    const ears = this.#ears.get(projectId) ?? new Set()
    this.#ears.set(projectId, ears.add(ear))
    this.#someoneListens.resolve()
    return ear
  }

  #remove(projectId: string, ear: Ear): void {
    const ears = this.#ears.get(projectId)
    ears?.delete(ear)
    if (ears?.size === 0) this.#ears.delete(projectId)
  }

  /** How many subscribers there are. */
  get subscribers(): number {
    return [...this.#ears.values()].reduce((sum, ears) => sum + ears.size, 0)
  }

  /** The syncs of a project that ran at the last look. */
  running(projectId: string): RunningSync[] {
    return this.#running.filter((sync) => sync.projectId === projectId)
  }

  /** Where the bills of the project's runs stand, by what ran at the last look. */
  accruals(projectId: string): Accrual[] {
    return this.#accruals.of(projectId, this.#clock.now())
  }

  async #keepLooking(): Promise<void> {
    for (let looks = 0; !this.#ended.signal.aborted; looks += 1) {
      if (this.#ears.size === 0) {
        this.#someoneListens = Promise.withResolvers<void>()
        await this.#someoneListens.promise
      }
      await this.#look(looks % LOOKS_PER_POLL === 0)
      await this.#clock.sleep(LOOK_MS, this.#ended.signal)
    }
  }

  async #look(alsoAtProjects: boolean): Promise<void> {
    try {
      await this.#lookAtSyncs()
      if (alsoAtProjects) await this.#lookAtProjects()
      for (const projectId of this.#accruals.tick(this.#clock.now())) this.wake(projectId)
      this.#blind = false
    } catch (error) {
      if (!this.#blind) this.#log.warn({ err: error }, 'cannot look for news; trying on')
      this.#blind = true
    }
  }

  async #lookAtSyncs(): Promise<void> {
    const before = new Map(this.#running.map(({ id, revision }) => [id, revision]))
    this.#running = await this.#database.$queryRaw<RunningSync[]>`
      SELECT sync."id", sync."notebookId", notebook."projectId", sync."revision"
      FROM "DataSync" AS sync JOIN "Notebook" AS notebook ON notebook."id" = sync."notebookId"
      WHERE sync."state" = 'RUNNING'`
    const moved = this.#running.filter(({ id, revision }) => before.get(id) !== revision)
    for (const projectId of new Set(moved.map((sync) => sync.projectId))) this.wake(projectId)
  }

  async #lookAtProjects(): Promise<void> {
    const rows = await this.#database.$queryRaw<{ id: string; mark: string }[]>`
      SELECT "id", "eventCounter" || ' ' || "accessEpoch" || ' ' || "streamEpoch" AS "mark" FROM "Project"
      WHERE "id" = ANY(${[...this.#ears.keys()]}::uuid[]) AND "deletedAt" IS NULL`
    const before = this.#seen
    this.#seen = new Map(rows.map(({ id, mark }) => [id, mark]))
    const changed = rows.filter(({ id, mark }) => before.get(id) !== mark).map(({ id }) => id)
    await this.#accruals.read(changed, new Set(this.#seen.keys()))
    for (const projectId of this.#ears.keys())
      if (!this.#seen.has(projectId) || this.#seen.get(projectId) !== before.get(projectId)) this.wake(projectId)
  }
}
