/**
 * What only the fake engine's whole history can show (see src/engine/fake/history.ts): who ran, and who wrote to what, at the
 * same time, and what was removed although it was nowhere else. Answers the sentences that say where a rule is broken.
 */
import type { HistoryEntry } from '../../src/engine/fake/history.ts'

export type ContainerEntry = Exclude<HistoryEntry, { what: 'volumeRemoved' }>

export function judgeHistory(history: readonly HistoryEntry[]): string[] {
  const running = new Map<string, ContainerEntry>()
  return history.flatMap((entry) => {
    if (entry.what === 'volumeRemoved') return lostWith(entry)
    if (entry.what === 'ended' || entry.what === 'removed') running.delete(entry.container)
    if (entry.what !== 'started') return []
    const faults = [...running.values()].flatMap((other) => clashesOf(entry, other))
    running.set(entry.container, entry)
    return faults
  })
}

function lostWith({ volume, unsaved }: Extract<HistoryEntry, { what: 'volumeRemoved' }>): string[] {
  return unsaved.length > 0
    ? [`Volume ${volume} was removed with ${unsaved.join(', ')}, which its bucket had not.`]
    : []
}

/** A mover that was made for a notebook which runs: the two may write to the same volume. */
export function isBeside(entry: ContainerEntry, other: ContainerEntry): boolean {
  const [mover, notebook] = [entry.identity, other.identity]
  const areOfOne = mover.notebook === notebook.notebook && mover.generation > notebook.generation
  return areOfOne && mover.role === 'mover' && notebook.role === 'notebook'
}

function clashesOf(entry: ContainerEntry, other: ContainerEntry): string[] {
  const faults = entry.writes
    .filter((volume) => other.writes.includes(volume) && !isBeside(entry, other))
    .map((volume) => `Volume ${volume}: ${nameOf(entry)} began to write while ${nameOf(other)} still did.`)
  const isSecond = entry.identity.role === 'notebook' && other.identity.role === 'notebook'
  return isSecond && entry.identity.notebook === other.identity.notebook
    ? [...faults, `Two at once: ${nameOf(entry)} was started while ${nameOf(other)} ran.`]
    : faults
}

function nameOf({ identity: { notebook, generation, role } }: ContainerEntry): string {
  return `the ${role} of generation ${generation} of notebook ${notebook}`
}
