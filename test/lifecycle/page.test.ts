/** The page on the lifecycle is that of the table of today. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { lifecyclePage } from '../../scripts/lifecycle-page.ts'
import { type Place, TRANSITIONS } from '../../src/domain/lifecycle.ts'

test('docs/LIFECYCLE.md is printed from the table of transitions; "npm run docs" writes it', async () => {
  expect(await readFile(new URL('../../docs/LIFECYCLE.md', import.meta.url), 'utf8')).toBe(lifecyclePage())
})

test('every place can be reached from the first, and from every place there is a way to rest', () => {
  const reached = reachableFrom('STARTING/QUEUED')
  expect([...reached].sort()).toEqual(Object.keys(TRANSITIONS).sort())
  for (const place of reached) expect(reachableFrom(place)).toContain(place === 'DELETING/REMOVING' ? place : 'STOPPED')
})

function reachableFrom(first: Place): Set<Place> {
  const reached = new Set<Place>([first])
  for (const place of reached) for (const next of TRANSITIONS[place] ?? []) reached.add(next)
  return reached
}
