/** What a step has at hand, and the two ways in which it acts: a fenced write, and an engine call that the lease covers. */
import type { Reason } from '../../domain/lifecycle.ts'
import type { ContainerEngine } from '../../engine/port.ts'
import type { Notebook } from '../../generated/prisma/client.ts'
import type { Transaction } from '../../store/database.ts'
import { assertLease, type Change, changeKnownNotebook, changeNotebook, type Lease } from '../../store/notebooks.ts'
import { lookAfter, type NotebookRecord, type Observation } from '../observe.ts'
import type { ControllerParts } from '../parts.ts'

/** A fault that is neither the user's nor worth more tries: it ends the phase. */
export class PhaseFailedError extends Error {
  override readonly name = 'PhaseFailedError'
  readonly reason: Reason
  constructor(message: string, reason: Reason = 'PLATFORM') {
    super(message)
    this.reason = reason
  }
}

/** A fault of the platform that may pass. The message is for the user. */
export class PassingFaultError extends Error {
  override readonly name = 'PassingFaultError'
}

export class StepContext {
  readonly parts: ControllerParts
  readonly observation: Observation
  readonly lease: Lease
  /** Aborts when the lease is lost, the controller ends, or the user changed their mind. */
  readonly signal: AbortSignal
  #after: Observation | null = null
  /** The time of the last look or write. */
  #now: Date

  constructor(parts: ControllerParts, observation: Observation, lease: Lease, signal: AbortSignal) {
    this.parts = parts
    this.observation = observation
    this.lease = lease
    this.signal = signal
    this.#now = observation.view.now
  }

  get notebook(): Observation['notebook'] {
    return this.observation.notebook
  }

  /** One transaction under the lease. Throws LeaseLostError. */
  change(decide: (notebook: Notebook, tx: Transaction, at: Date) => Promise<Change> | Change): Promise<Notebook> {
    return changeNotebook(this.parts.database, this.notebook.id, this.lease, (notebook, tx, at) => {
      this.#now = at
      return decide(notebook, tx, at)
    })
  }

  /**
   * A change that is decided by where the notebook is and what is wished of it, in one statement. What is written is known to
   * be so, and no other look is needed. `relations`: as the change leaves them, where it changes them. Answers whether things
   * were as known; if not, the change is decided anew, and a look is needed. Throws LeaseLostError.
   */
  async advance(decide: (notebook: Notebook) => Change, relations: Partial<NotebookRecord> = {}): Promise<boolean> {
    const written = await changeKnownNotebook(this.parts.database, this.notebook, this.lease, decide(this.notebook))
    if (!written) {
      await this.change(decide)
      return false
    }
    this.#now = written.at
    this.knows({ ...written.row, ...relations })
    return true
  }

  /** The step changed that of the record and nothing else, so that no other look at it is needed. */
  knows(changed: Partial<NotebookRecord>): void {
    this.#after = lookAfter(this.#after ?? this.observation, changed, this.#now)
  }

  /** The step changed that container in the engine and nothing else: it alone is looked at again. */
  async look(containerId: string): Promise<void> {
    const status = await this.parts.engine.inspect(containerId)
    this.#after = lookAfter(this.#after ?? this.observation, {}, this.#now, new Map([[containerId, status]]))
  }

  /** How things stand after the step, if it is known; null: it takes a look. */
  get after(): Observation | null {
    return this.#after
  }

  /** The engine, after a look whether the lease still holds. For every call that acts. Throws LeaseLostError, or what the signal says. */
  async engineUnderLease(): Promise<ContainerEngine> {
    this.signal.throwIfAborted()
    await assertLease(this.parts.database, this.notebook.id, this.lease)
    return this.parts.engine
  }
}
