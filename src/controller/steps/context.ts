/** What a step has at hand, and the two ways in which it acts: a fenced write, and an engine call that the lease covers. */
import type { Reason } from '../../domain/lifecycle.ts'
import type { ContainerEngine } from '../../engine/port.ts'
import type { Notebook } from '../../generated/prisma/client.ts'
import type { Transaction } from '../../store/database.ts'
import { assertLease, type Change, changeNotebook, type Lease } from '../../store/notebooks.ts'
import { lookAfter, type Observation } from '../observe.ts'
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

  constructor(parts: ControllerParts, observation: Observation, lease: Lease, signal: AbortSignal) {
    this.parts = parts
    this.observation = observation
    this.lease = lease
    this.signal = signal
  }

  get notebook(): Observation['notebook'] {
    return this.observation.notebook
  }

  /** One transaction under the lease. Throws LeaseLostError. */
  change(decide: (notebook: Notebook, tx: Transaction, at: Date) => Promise<Change> | Change): Promise<Notebook> {
    return changeNotebook(this.parts.database, this.notebook.id, this.lease, decide)
  }

  /**
   * A change of the notebook's row and of nothing else that the next step is decided by: what is written is known to be so,
   * and no other look is needed. Throws LeaseLostError.
   */
  async advance(decide: (notebook: Notebook, tx: Transaction, at: Date) => Promise<Change> | Change): Promise<void> {
    let now = this.observation.view.now
    const row = await this.change((notebook, tx, at) => {
      now = at
      return decide(notebook, tx, at)
    })
    this.#after = lookAfter(this.observation, row, now)
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
