/**
 * Where each notebook is, and in which state. A route is at most a second old, and fresh at once when its change is
 * announced; a change announced while the route is being read makes the next visitor read it again.
 */
import type { Clock } from '../domain/clock.ts'
import type { Phase, Reason, State } from '../domain/lifecycle.ts'
import type { Database } from '../store/database.ts'
import { Memo } from './memo.ts'

const FRESH_MS = 1_000

export interface Route {
  notebookId: string
  name: string
  editor: string
  publicAccess: boolean
  state: State
  phase: Phase | null
  reason: Reason | null
  message: string | null
  /** Where the editor answers; null unless the notebook is RUNNING. */
  target: Target | null
}

export interface Target {
  host: string
  port: number
  /** Of the container; the editor's token follows from it. */
  generation: number
}

export interface Routes {
  /** Null: there is no such notebook. */
  routeOf(notebookId: string): Promise<Route | null>
}

export class RouteTable implements Routes {
  readonly #database: Database
  readonly #known: Memo<Route | null>

  constructor(parts: { database: Database; clock: Clock }) {
    this.#database = parts.database
    this.#known = new Memo(parts.clock, FRESH_MS)
  }

  routeOf(notebookId: string): Promise<Route | null> {
    return this.#known.get(notebookId, () => readRoute(this.#database, notebookId))
  }

  /** It changed; null: any may have. What is not announced costs a second. */
  forget(notebookId: string | null): void {
    if (notebookId === null) this.#known.clear()
    else this.#known.drop(notebookId)
  }
}

async function readRoute(database: Database, notebookId: string): Promise<Route | null> {
  const notebook = await database.notebook.findFirst({
    where: { id: notebookId, deletedAt: null },
    select: {
      name: true,
      editor: true,
      publicAccess: true,
      state: true,
      phase: true,
      reason: true,
      message: true,
      containers: {
        where: { role: 'NOTEBOOK', settled: false },
        select: { host: true, port: true, generation: true },
        orderBy: { generation: 'desc' },
        take: 1,
      },
    },
  })
  if (!notebook) return null
  const { containers, ...route } = notebook
  const container = containers[0]
  const target =
    notebook.state === 'RUNNING' && container?.host && container.port
      ? { host: container.host, port: container.port, generation: container.generation }
      : null
  return { notebookId, ...route, target }
}
