/** The judge of histories sees what it is there for. */
import { expect, test } from 'vitest'
import type { HistoryEntry } from '../../src/engine/fake/history.ts'
import { judgeHistory } from '../testkit/engine-history.ts'

type What = 'started' | 'ended' | 'removed'

const at = new Date('2026-03-01T12:00:00Z')
const notebook = (what: What, generation: number, writes: string[] = []): HistoryEntry => ({
  what,
  at,
  container: `n${generation}`,
  identity: { installation: 'i', notebook: 'n', generation, role: 'notebook' },
  writes,
})
const mover = (what: What, generation: number, writes: string[]): HistoryEntry => ({
  what,
  at,
  container: `m${generation}`,
  identity: { installation: 'i', notebook: 'n', generation, role: 'mover' },
  writes,
})

test('containers one after the other, and a reader beside a writer, are no fault', () => {
  const history = [
    mover('started', 1, ['v']),
    mover('ended', 1, ['v']),
    notebook('started', 2, ['v']),
    mover('started', 3, ['side']),
    notebook('removed', 2, ['v']),
    notebook('started', 4, ['v']),
  ]
  expect(judgeHistory(history)).toEqual([])
})

test('two containers of a notebook at the same time are seen', () => {
  expect(judgeHistory([notebook('started', 1), notebook('started', 2)])).toEqual([
    'Two at once: the notebook of generation 2 of notebook n was started while the notebook of generation 1 of notebook n ran.',
  ])
})

test('two writers of a volume at the same time are seen', () => {
  expect(judgeHistory([mover('started', 1, ['v']), notebook('started', 2, ['v'])])).toEqual([
    'Volume v: the notebook of generation 2 of notebook n began to write while the mover of generation 1 of notebook n still did.',
  ])
})

test('a volume removed with files that were nowhere else is seen', () => {
  const removed = (unsaved: string[]): HistoryEntry => ({ what: 'volumeRemoved', at, volume: 'v', unsaved })
  expect(judgeHistory([removed([]), removed(['a', 'b'])])).toEqual([
    'Volume v was removed with a, b, which its bucket had not.',
  ])
})
