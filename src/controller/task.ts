/**
 * One controller's work on one notebook, from its claim until there is nothing more to do: look, decide, do one step, look
 * again unless the step's own write says how things stand. Ends by giving the lease back with the time at which the notebook
 * is due again, or silently when the lease is lost.
 */
import { NotFoundError } from '../domain/errors.ts'
import { isCalledOff, nextStep, type Step } from '../domain/next-step.ts'
import { type Claim, releaseLease } from '../store/leases.ts'
import { changeNotebook, LeaseLostError } from '../store/notebooks.ts'
import { afterFault, faultOf } from './faults.ts'
import { type Observation, observe } from './observe.ts'
import type { ControllerParts } from './parts.ts'
import { hasHadItsTime } from './patience.ts'
import { perform } from './perform.ts'
import { StepContext } from './steps/context.ts'

export class Task {
  readonly #parts: ControllerParts
  readonly #claim: Claim
  readonly #ended = new AbortController()
  #step = new AbortController()
  /** Aborted by every wake-up since the last look. */
  #look = new AbortController()
  /** How things stand after the last step, where it said so. */
  #known: Observation | null = null
  /** A step that was called off and has not ended yet: the engine is slow to answer. Until then no other call is made of it. */
  #straggler: Promise<unknown> | null = null
  /** The time of the claim, until the first look has begun. */
  #claimedAt: Date | null
  /** How often the notebook had been woken at the last look. */
  #wakes: number | null = null

  constructor(parts: ControllerParts, claim: Claim) {
    this.#parts = parts
    this.#claim = claim
    this.#claimedAt = claim.at
  }

  /** The controller ends, or the lease is lost: the step under way is cut off and nothing more is begun. */
  end(): void {
    this.#ended.abort()
  }

  /**
   * Something may have changed: a start that is not wished any more is cut off at once, and who only reads along beside a
   * running notebook looks again.
   */
  async reconsider(): Promise<void> {
    this.#look.abort()
    const step = this.#step
    const notebook = await this.#parts.database.notebook.findUnique({
      where: { id: this.#claim.notebookId },
      select: { state: true, desired: true },
    })
    if (notebook && isCalledOff(notebook)) step.abort()
  }

  /** Never rejects for a reason of the notebook's; a database that is gone rejects. */
  async run(): Promise<void> {
    const { database } = this.#parts
    try {
      for (;;) {
        const rest = await this.#once()
        if (!rest) continue
        return await releaseLease(database, this.#claim, rest.wakes, rest.until)
      }
    } catch (error) {
      if (!(error instanceof LeaseLostError || error instanceof NotFoundError)) throw error
      this.#parts.log.debug({ notebookId: this.#claim.notebookId }, error.message)
    }
  }

  /** One look and one step. Answers when to look again, if there is nothing to do before. */
  async #once(): Promise<{ wakes: number | null; until: Date | null } | null> {
    if (this.#ended.signal.aborted) return { wakes: null, until: null }
    const known = this.#step.signal.aborted ? null : this.#known
    this.#known = null
    // A wish that comes between two steps without a look between them cuts off the second one.
    if (!known) this.#step = new AbortController()
    let signal = AbortSignal.any([this.#ended.signal, this.#step.signal])
    let name = 'observe'
    try {
      const observation = known ?? (await unlessAborted(this.#observe(), this.#step.signal))
      if (!observation) return { wakes: null, until: null }
      this.#wakes = observation.notebook.wakes
      const step = nextStep(observation.view)
      if (this.#straggler && step.name !== 'leave') {
        await this.#straggler
        this.#straggler = null
        return null
      }
      if (step.name === 'rest') return await this.#rest(observation, step.until)
      name = step.name
      const readsAlong = name === 'followMover' && observation.notebook.state === 'RUNNING'
      if (readsAlong) signal = AbortSignal.any([signal, this.#look.signal])
      await this.#perform(observation, step, signal)
      return null
    } catch (error) {
      if (error instanceof LeaseLostError || error instanceof NotFoundError) throw error
      return signal.aborted ? null : this.#postpone(error, name)
    }
  }

  /** One that is called off is left at once, whatever the engine does. */
  async #perform(observation: Observation, step: Exclude<Step, { name: 'rest' }>, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts
    const calledOff = this.#step.signal
    const context = new StepContext(this.#parts, observation, this.#claim.lease, signal)
    const doing = perform(context, step)
    try {
      await unlessAborted(doing, calledOff)
      this.#known = context.after
    } finally {
      if (calledOff.aborted)
        this.#straggler = doing.catch((error: unknown) => log.debug({ err: error, step: step.name }, 'was called off'))
    }
  }

  #observe(): Promise<Observation | null> {
    this.#look = new AbortController()
    const at = this.#claimedAt
    this.#claimedAt = null
    return observe(this.#parts.database, this.#parts.engine, this.#claim.notebookId, at)
  }

  /** All is as it should be, so that a fault of before is over. */
  async #rest({ notebook }: Observation, until: Date | null): Promise<{ wakes: number; until: Date | null }> {
    const { database } = this.#parts
    if (notebook.state === 'RUNNING' && notebook.attempts > 0)
      await changeNotebook(database, notebook.id, this.#claim.lease, () => ({ set: { attempts: 0, retryAt: null } }))
    return { wakes: notebook.wakes, until }
  }

  /**
   * Puts the fault on record; then the notebook is looked at again when its next try is due. Whoever was woken since the last
   * look is looked at once more before: a wish does not wait for a next try.
   */
  async #postpone(error: unknown, step: string): Promise<{ wakes: number; until: Date | null } | null> {
    const { database, log, clock } = this.#parts
    const { notebookId, lease } = this.#claim
    const fault = faultOf(error, notebookId, step, log)
    const after = await changeNotebook(database, notebookId, lease, async (notebook, tx, at) =>
      afterFault(notebook, fault, at, await hasHadItsTime(tx, notebook, at), clock.random()),
    )
    const isWoken = this.#wakes !== null && this.#wakes !== after.wakes
    this.#wakes = after.wakes
    return after.retryAt && !isWoken ? { wakes: after.wakes, until: after.retryAt } : null
  }
}

/** The promise's value; rejects as soon as the signal aborts, and then whatever becomes of the promise is nobody's concern. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const giveUp = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', giveUp)
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
