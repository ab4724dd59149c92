/** What only the fake engine's own history can show: files that were lost, and two writers at once. */
import type { HistoryEntry } from '../../src/engine/fake/history.ts'
import { type ContainerEntry, isBeside } from '../testkit/engine-history.ts'
import type { Violation } from '../testkit/invariants.ts'

/** Volumes that were removed with files which no bucket had; `isDiscarded`: their user had given them up. */
export function lostFiles(history: readonly HistoryEntry[], isDiscarded: (volume: string) => boolean): Violation[] {
  return history.flatMap((entry) => {
    if (entry.what !== 'volumeRemoved' || entry.unsaved.length === 0 || isDiscarded(entry.volume)) return []
    const what = `Volume ${entry.volume} was removed with files that no bucket had: ${entry.unsaved.join(', ')}.`
    return [{ invariant: 'data settled only after verification', what } as const]
  })
}

/** Two containers that ran at the same time and could write to the same volume, though neither was a mover beside the other. */
export function writersAtOnce(history: readonly HistoryEntry[]): Violation[] {
  const running = new Map<string, ContainerEntry>()
  return history.flatMap((entry): Violation[] => {
    if (entry.what === 'volumeRemoved' || entry.what === 'created') return []
    running.delete(entry.container)
    if (entry.what !== 'started') return []
    const others = [...running.values()].filter((other) => !isBeside(entry, other))
    running.set(entry.container, entry)
    return others.flatMap((other) =>
      entry.writes
        .filter((volume) => other.writes.includes(volume))
        .map((volume) => ({
          invariant: 'one live container per notebook at most',
          what: `Containers ${other.container} and ${entry.container} ran at once on volume ${volume}.`,
        })),
    )
  })
}
