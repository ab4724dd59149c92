/** What only the fake engine's own history can show: files that were lost, and two writers at once. */
import type { HistoryEntry } from '../../src/engine/fake/history.ts'
import type { Violation } from '../testkit/invariants.ts'

/** Volumes that were removed with files which no bucket had; `isDiscarded`: their user had given them up. */
export function lostFiles(history: readonly HistoryEntry[], isDiscarded: (volume: string) => boolean): Violation[] {
  return history.flatMap((entry) => {
    if (entry.what !== 'volumeRemoved' || entry.unsaved.length === 0 || isDiscarded(entry.volume)) return []
    const what = `Volume ${entry.volume} was removed with files that no bucket had: ${entry.unsaved.join(', ')}.`
    return [{ invariant: 'data settled only after verification', what } as const]
  })
}

/** Two containers that ran at the same time and could write to the same volume. */
export function writersAtOnce(history: readonly HistoryEntry[]): Violation[] {
  const writers = new Map<string, string>()
  const violations: Violation[] = []
  for (const entry of history) {
    if (entry.what === 'volumeRemoved' || entry.what === 'created') continue
    for (const volume of entry.writes) {
      const writer = writers.get(volume)
      if (entry.what === 'started') {
        const what = `Containers ${writer} and ${entry.container} ran at once on volume ${volume}.`
        if (writer) violations.push({ invariant: 'one live container per notebook at most', what })
        writers.set(volume, entry.container)
      } else if (writer === entry.container) writers.delete(volume)
    }
  }
  return violations
}
