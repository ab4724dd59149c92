/**
 * What runs cost as they go on: once per commenced minute, told to whoever watches. Computed in memory from what a project
 * runs, which is read again only when something happened in it; nothing is written.
 */
import { amountNumerator, commencedMinutes } from '../domain/billing.ts'
import type { Database } from '../store/database.ts'

/** A run that goes on, with what its notebook's earlier runs cost; numerators over 60 are those of domain/billing.ts. */
interface Run {
  projectId: string
  notebookId: string
  startedAt: Date
  units: number
  pricePerHourMicros: bigint
  currency: string
  /** A numerator over 60. */
  earlier: string
}

/** Where a notebook's bill stands at the beginning of a minute. */
export interface Accrual {
  notebookId: string
  /** Commenced minutes of the present run. */
  minutes: number
  /** Of all its runs: a numerator over 60, in micros of the currency. */
  numerator: bigint
  currency: string
}

export class Accruals {
  readonly #database: Database
  #runs = new Map<string, Run[]>()
  /** Of each run, by notebook, the commenced minutes at the last look. */
  #counted = new Map<string, number>()

  constructor(database: Database) {
    this.#database = database
  }

  /** Reads anew what these projects run, and forgets all but the `watched` ones. */
  async read(projectIds: readonly string[], watched: ReadonlySet<string>): Promise<void> {
    const runs =
      projectIds.length === 0
        ? []
        : await this.#database.$queryRaw<Run[]>`
            SELECT run."projectId", run."notebookId", run."startedAt", run."units", run."pricePerHourMicros", run."currency", (
              SELECT coalesce(sum(("minutes" - "waivedMinutes") * "units" * "pricePerHourMicros"), 0)::text
              FROM "BillingPeriod" AS earlier WHERE earlier."notebookId" = run."notebookId" AND earlier."endedAt" IS NOT NULL
            ) AS "earlier"
            FROM "BillingPeriod" AS run WHERE run."projectId" = ANY(${projectIds}::uuid[]) AND run."endedAt" IS NULL`
    for (const id of projectIds) this.#runs.set(id, [])
    for (const run of runs) this.#runs.get(run.projectId)?.push(run)
    for (const id of this.#runs.keys()) if (!watched.has(id)) this.#runs.delete(id)
  }

  /** The projects in which a minute began, or a run, since this was last asked. */
  tick(now: Date): Set<string> {
    const counted = new Map<string, number>()
    const moved = new Set<string>()
    for (const run of [...this.#runs.values()].flat()) {
      const minutes = commencedMinutes(run.startedAt, now)
      if (this.#counted.get(run.notebookId) !== minutes) moved.add(run.projectId)
      counted.set(run.notebookId, minutes)
    }
    this.#counted = counted
    return moved
  }

  of(projectId: string, now: Date): Accrual[] {
    return (this.#runs.get(projectId) ?? []).map((run) => {
      const minutes = commencedMinutes(run.startedAt, now)
      const { notebookId, currency, earlier } = run
      return { notebookId, currency, minutes, numerator: BigInt(earlier) + amountNumerator({ ...run, minutes }) }
    })
  }
}
