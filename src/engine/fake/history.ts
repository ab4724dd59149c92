/**
 * What ever happened on a fake daemon, in its order: what a test judges by what no later look can show, such as two
 * containers that ran at the same time, or a volume that was removed with files that were nowhere else.
 */
import type { Identity } from '../port.ts'

export type HistoryEntry =
  | {
      what: 'created' | 'started' | 'ended' | 'removed'
      at: Date
      container: string
      identity: Identity
      /** Names of the volumes that it may write to. */
      writes: string[]
    }
  /** `unsaved`: paths of the files in it that its bucket did not have, or had otherwise. */
  | { what: 'volumeRemoved'; at: Date; volume: string; unsaved: string[] }
