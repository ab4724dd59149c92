import fc from 'fast-check'
import { expect, test } from 'vitest'
import { comparePaths } from './order.ts'

test('paths are ordered as the bytes of their UTF-8, also beyond the first plane', () => {
  const path = fc.string({
    unit: fc.oneof(
      fc.constantFrom('a', '/', '.', '\ufffd', '\u{10000}', '\ud7ff', 'é'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
  })
  fc.assert(
    fc.property(path, path, (a, b) => {
      expect(Math.sign(comparePaths(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})
