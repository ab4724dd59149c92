/**
 * Live streams of events. A subscriber pulls: it reads the table from its cursor on, so it gets every durable event once
 * and in order, whatever was missed, restarted or slow in between. While a sync runs it also gets the sync's latest
 * progress between two events, and while a notebook runs what it costs, with every minute that begins. Before anything goes out, the viewer's access is judged again if it may have changed.
 */
import { mayWatch } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import type { Clock } from '../domain/clock.ts'
import { ForbiddenError } from '../domain/errors.ts'
import { decodeCursor, encodeCursor } from '../domain/events.ts'
import type { Database } from '../store/database.ts'
import type { Ear, Hub } from './hub.ts'
import type { ResetItem, StreamItem } from './items.ts'
import { readStretch, type Scope, type Stretch } from './read.ts'

const STRETCH = 100
/** The longest wait; longer ones are beyond what a timer can hold. */
const MAX_WAIT_MS = 3_600_000

/** The viewer lost access while watching. Closes the stream. */
export class AccessLostError extends ForbiddenError {
  constructor() {
    super('You may not watch this any more: your token ended or your membership changed.')
  }
}

export interface Watch {
  scope: Scope
  viewer: Viewer
  /** A cursor to go on after; null starts at the present. */
  after: string | null
  /** The notebook is deleted: what happened until then is all there is. */
  ended: boolean
}

/** Where a stream stands. */
interface Place {
  epoch: string
  position: bigint
}

export class EventStreams {
  readonly #database: Database
  readonly #hub: Hub
  readonly #clock: Clock

  constructor(parts: { database: Database; hub: Hub; clock: Clock }) {
    this.#database = parts.database
    this.#hub = parts.hub
    this.#clock = parts.clock
  }

  /** The events of a scope after a cursor, at most `limit`; a reset alone when the cursor is of no use. */
  async page(scope: Scope, after: string | null, limit: number): Promise<StreamItem[]> {
    const cursor = after === null ? null : decodeCursor(after)
    const stretch = await readStretch(this.#database, scope, cursor?.seq ?? 0n, limit)
    if (!stretch) return []
    const place = cursor && { epoch: cursor.epoch, position: cursor.seq }
    return place && isOffCourse(place, stretch) ? [resetTo(stretch)] : stretch.items
  }

  /**
   * Ends by `return`, also while it waits, and after the NotebookDeleted of a watched notebook. Throws AccessLostError. One
   * reader at a time.
   */
  tail(watch: Watch): AsyncIterableIterator<StreamItem> {
    const over = new AbortController()
    const ear = this.#hub.subscribe(watch.scope.projectId)
    const items = this.#follow(watch, ear, over.signal)
    return {
      next: () => items.next(),
      return: () => {
        over.abort()
        ear.close()
        // A generator that waits would notice its own `return` only after the next news.
        ear.wake()
        return items.return(undefined)
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  async *#follow(watch: Watch, ear: Ear, over: AbortSignal): AsyncGenerator<StreamItem, undefined> {
    const { scope, viewer, after } = watch
    const cursor = after === null ? null : decodeCursor(after)
    let place: Place | null = cursor && { epoch: cursor.epoch, position: cursor.seq }
    let judged: bigint | null = null
    const shown = new Map<string, number>()
    // What had accrued before is for the subscriber to ask for.
    const accrued = new Map(this.#hub.accruals(scope.projectId).map(({ notebookId, minutes }) => [notebookId, minutes]))
    try {
      while (!over.aborted) {
        const news = ear.listen()
        const stretch = await readStretch(this.#database, scope, place?.position ?? null, STRETCH)
        if (!stretch) throw new AccessLostError()
        judged = await this.#judge(viewer, scope, stretch, judged)

        if (place && isOffCourse(place, stretch)) {
          place = { epoch: stretch.streamEpoch, position: stretch.counter }
          yield resetTo(stretch)
          continue
        }
        place = { epoch: stretch.streamEpoch, position: stretch.position }
        for (const item of stretch.items) {
          yield item
          if (scope.notebookId && item.event.type === 'NotebookDeleted') return
        }
        if (stretch.items.length === STRETCH) continue
        if (watch.ended) return
        yield* this.#progress(scope, place, shown)
        yield* this.#accruals(scope, place, accrued)
        await this.#waitFor(news, viewer, stretch.now)
      }
    } finally {
      ear.close()
    }
  }

  /** Until there is news, or the viewer's token ends. */
  async #waitFor(news: Promise<void>, { expiresAt }: Viewer, now: Date): Promise<void> {
    const heard = new AbortController()
    const left = Math.min(Math.max(expiresAt.getTime() - now.getTime(), 0), MAX_WAIT_MS)
    await Promise.race([news, this.#clock.sleep(left, heard.signal)])
    heard.abort()
  }

  /** Answers the access epoch under which the verdict stands; the verdict of the same epoch is not asked for again. */
  async #judge(viewer: Viewer, scope: Scope, stretch: Stretch, judged: bigint | null): Promise<bigint> {
    const same = stretch.accessEpoch === judged && viewer.expiresAt > stretch.now
    if (!same && !(await mayWatch(this.#database, viewer, scope))) throw new AccessLostError()
    return stretch.accessEpoch
  }

  /** The latest of every running sync that moved since it was last shown. Not kept, so it carries the last kept cursor. */
  async *#progress(scope: Scope, place: Place, shown: Map<string, number>): AsyncGenerator<StreamItem> {
    const running = await this.#within(scope, this.#hub.running(scope.projectId))
    for (const id of shown.keys()) if (!running.some((sync) => sync.id === id)) shown.delete(id)
    for (const { id, notebookId, revision } of running) {
      if (shown.get(id) === revision) continue
      shown.set(id, revision)
      const cursor = encodeCursor({ epoch: place.epoch, seq: place.position })
      yield { cursor, at: this.#clock.now(), notebookId, event: { type: 'SyncProgressed', syncId: id } }
    }
  }

  /** What the scope's runs cost, of each that began a minute since it was last told. Not kept either. */
  async *#accruals(scope: Scope, place: Place, accrued: Map<string, number>): AsyncGenerator<StreamItem> {
    const all = this.#hub.accruals(scope.projectId)
    for (const id of accrued.keys()) if (!all.some(({ notebookId }) => notebookId === id)) accrued.delete(id)
    const news = all.filter(({ notebookId, minutes }) => accrued.get(notebookId) !== minutes)
    for (const { notebookId, minutes } of news) accrued.set(notebookId, minutes)
    const cursor = encodeCursor({ epoch: place.epoch, seq: place.position })
    for (const { notebookId, ...bill } of await this.#within(scope, news))
      yield { cursor, at: this.#clock.now(), notebookId, event: { type: 'CostAccrued', ...bill } }
  }

  /** Those that are of the scope's notebooks. */
  async #within<T extends { notebookId: string }>({ notebookId, label }: Scope, all: readonly T[]): Promise<T[]> {
    const own = all.filter((each) => (notebookId ?? each.notebookId) === each.notebookId)
    if (!label || own.length === 0) return own
    const labelled = await this.#database.notebook.findMany({
      where: { id: { in: own.map((each) => each.notebookId) }, labels: { some: label } },
      select: { id: true },
    })
    return own.filter((each) => labelled.some(({ id }) => id === each.notebookId))
  }
}

/** Whether the cursor comes from before a restore, or from the future. */
function isOffCourse({ epoch, position }: Place, { streamEpoch, counter }: Stretch): boolean {
  return epoch !== streamEpoch || position > counter
}

function resetTo({ streamEpoch, counter, now }: Stretch): ResetItem {
  return { cursor: encodeCursor({ epoch: streamEpoch, seq: counter }), at: now, event: { type: 'StreamReset' } }
}
