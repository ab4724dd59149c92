/**
 * The durable events of a notebook and the cursor that names a place in a project's sequence. A cursor is opaque to
 * clients; inside it is the stream's epoch and the number of the event.
 */
import type { EndSource } from './billing.ts'
import type { Phase, Reason, State } from './lifecycle.ts'

export type WarningCode =
  | 'UNSAVED_DATA'
  | 'OUT_OF_MEMORY'
  | 'ENGINE_UNREACHABLE'
  | 'RETRYING'
  | 'RUN_LIMIT_NEAR'
  | 'CONFLICT'
  | 'DELETIONS_HELD'
  | 'DISK_NEARLY_FULL'
  | 'SYNC_FAILED'
  | 'CHECKPOINT_FAILED'
  | 'BUDGET_USED'

/** What a run costs, as it was when the run began: so that a bill can be proved by the events alone. */
export interface RunTerms {
  flavor: string
  units: number
  /** Of one unit, in millionths of the currency. */
  pricePerHourMicros: string
  currency: string
}

export type NotebookEvent =
  | { type: 'NotebookCreated' }
  | { type: 'NotebookDeleted' }
  | {
      type: 'StateChanged'
      from: State
      to: State
      phase: Phase | null
      reason: Reason | null
      message: string | null
      /** Where RUNNING was entered: by what the run is billed. */
      terms?: RunTerms
      /** Where RUNNING was left: the end that is billed, by which rule it is known, and how many minutes nobody pays. */
      endSource?: EndSource
      endedAt?: string
      waivedMinutes?: number
    }
  | { type: 'PhaseChanged'; phase: Phase; message: string | null }
  | { type: 'NotebookWarned'; code: WarningCode; message: string; dueAt: string | null }
  /** The first and the last report of a sync. The ones between are not kept. */
  | { type: 'SyncProgressed'; syncId: string }

export interface Cursor {
  epoch: string
  seq: bigint
}

export function encodeCursor({ epoch, seq }: Cursor): string {
  return Buffer.from(`${epoch}.${seq}`).toString('base64url')
}

/** Null when the text is no cursor of ours. */
export function decodeCursor(text: string): Cursor | null {
  const match = /^([0-9a-f]{12})\.(\d{1,18})$/.exec(Buffer.from(text, 'base64url').toString())
  return match ? { epoch: match[1] as string, seq: BigInt(match[2] as string) } : null
}
