/**
 * The reconciler's engine room: claims due notebooks, works on each in a task of its own, and keeps its leases. Wake-ups make
 * it look at once; the poll is the truth. No notebook waits for another. Leases, and its own end, are about this process:
 * they run on real time, whatever the notebooks' clock says.
 */
import { randomUUID } from 'node:crypto'
import { systemClock } from '../domain/clock.ts'
import { claimDue, renewLeases } from '../store/leases.ts'
import { Errands } from './errands.ts'
import type { ControllerParts } from './parts.ts'
import { goRounds, listenToEngine, watchBudgets, watchDiskRegularly } from './rounds.ts'
import { Task } from './task.ts'

const POLL_MS = 1000
const CLAIM_AT_ONCE = 100

/** How long a step that cannot be cut off is waited for at the end. It is taken again by the successor. */
const END_MS = 5000

export class Controller {
  readonly #parts: ControllerParts
  readonly #errands: Errands
  readonly #owner = randomUUID()
  readonly #tasks = new Map<string, { task: Task; done: Promise<void> }>()
  readonly #ended = new AbortController()
  #look = new AbortController()
  #loops: Promise<unknown> = Promise.resolve()
  #renewedAt = 0

  constructor(parts: ControllerParts) {
    this.#parts = parts
    this.#errands = new Errands(parts)
  }

  start(): void {
    this.#renewedAt = systemClock.now().getTime()
    this.#loops = Promise.all([
      this.#claimLoop(),
      this.#renewLoop(),
      goRounds(this.#parts, this.#ended.signal),
      watchDiskRegularly(this.#parts, this.#ended.signal),
      watchBudgets(this.#parts, this.#ended.signal),
      listenToEngine(this.#parts, this.#ended.signal),
      this.#errands.run(this.#ended.signal),
    ])
  }

  /**
   * Begins nothing more, cuts off what is under way, and gives the leases back, so that a successor goes on at once. What the
   * engine is slow to answer is left after 5 s, with its lease, to whom it falls.
   */
  async stop(): Promise<void> {
    this.#ended.abort()
    this.#look.abort()
    const overdue = systemClock.sleep(END_MS, new AbortController().signal)
    await Promise.race([this.#finish(), overdue])
  }

  async #finish(): Promise<void> {
    for (const { task } of this.#tasks.values()) task.end()
    await this.#loops
    for (const { task } of this.#tasks.values()) task.end()
    await Promise.all([...this.#tasks.values()].map(({ done }) => done))
  }

  /** A notebook was woken, or an errand wished; null: anything may have happened. */
  wake(notebookId: string | null): void {
    this.#look.abort()
    this.#errands.wake()
    for (const id of notebookId ? [notebookId] : this.#tasks.keys()) this.#reconsider(id)
  }

  #reconsider(notebookId: string): void {
    this.#tasks
      .get(notebookId)
      ?.task.reconsider()
      .catch((error: unknown) => this.#parts.log.error({ err: error, notebookId }, 'could not look at a wish'))
  }

  async #claimLoop(): Promise<void> {
    const { database, clock, leaseSeconds, log } = this.#parts
    while (!this.#ended.signal.aborted) {
      this.#look = new AbortController()
      try {
        const claims = await claimDue(database, this.#owner, leaseSeconds, CLAIM_AT_ONCE, [...this.#tasks.keys()])
        for (const claim of claims) this.#begin(new Task(this.#parts, claim), claim.notebookId)
        if (claims.length === CLAIM_AT_ONCE) continue
      } catch (error) {
        log.error({ err: error }, 'could not claim notebooks')
      }
      await clock.sleep(POLL_MS, AbortSignal.any([this.#look.signal, this.#ended.signal]))
    }
  }

  #begin(task: Task, notebookId: string): void {
    const before = this.#tasks.get(notebookId)
    before?.task.end()
    const done = task
      .run()
      .catch((error: unknown) => this.#parts.log.error({ err: error, notebookId }, 'work on a notebook was cut off'))
      .finally(() => {
        if (this.#tasks.get(notebookId)?.task === task) this.#tasks.delete(notebookId)
        // It may be due: whoever looked while it was owned has passed it over, also when that was after its release.
        this.#look.abort()
      })
    this.#tasks.set(notebookId, { task, done })
  }

  /** Renews three times per lease. Tasks whose lease is lost, or cannot be renewed in time, end. */
  async #renewLoop(): Promise<void> {
    const { database, leaseSeconds, log } = this.#parts
    while (!this.#ended.signal.aborted) {
      await systemClock.sleep((leaseSeconds * 1000) / 3, this.#ended.signal)
      const asked = [...this.#tasks]
      try {
        const held = await renewLeases(
          database,
          this.#owner,
          leaseSeconds,
          asked.map(([id]) => id),
        )
        this.#renewedAt = systemClock.now().getTime()
        for (const [id, { task }] of asked) if (!held.has(id)) task.end()
      } catch (error) {
        log.error({ err: error }, 'could not renew leases')
        const lost = systemClock.now().getTime() - this.#renewedAt > leaseSeconds * 1000
        if (lost) for (const [, { task }] of asked) task.end()
      }
    }
  }
}
