import fc from 'fast-check'
import { expect, test } from 'vitest'
import { merge, OutOfOrderError } from './merge.ts'
import { comparePaths } from './order.ts'

const paths = fc.uniqueArray(
  fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', 'é', '\u{1f600}', '\uff5e'), minLength: 1 }),
)

async function* entries(sorted: string[]) {
  for (const path of sorted) yield { path }
}

test('every path comes once, in order, with exactly the sources that have it', async () => {
  await fc.assert(
    fc.asyncProperty(paths, paths, paths, async (...sources) => {
      const [a, b, c] = sources.map((source) => source.toSorted(comparePaths)) as [string[], string[], string[]]
      const rows = []
      for await (const [path, ...found] of merge(entries(a), entries(b), entries(c)))
        rows.push([path, ...found.map((entry) => entry !== null)])
      const expected = [...new Set([...a, ...b, ...c])]
        .sort(comparePaths)
        .map((path) => [path, a.includes(path), b.includes(path), c.includes(path)])
      expect(rows).toEqual(expected)
    }),
  )
})

test('a source out of order is refused before it can pass for deletions', async () => {
  const rows = merge(entries([]), entries([]), entries(['b', 'a']))
  await rows.next()
  await expect(rows.next()).rejects.toThrow(OutOfOrderError)
})
