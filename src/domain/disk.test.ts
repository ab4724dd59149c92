import { expect, test } from 'vitest'
import { judgeDisk } from './disk.ts'

test.each([
  [0n, 'fine'],
  [899n, 'fine'],
  [900n, 'nearlyFull'],
  [1000n, 'nearlyFull'],
  [1099n, 'nearlyFull'],
  [1100n, 'full'],
])('of 1000 bytes, %i are %s', (used, verdict) => {
  expect(judgeDisk(used, 1000n)).toBe(verdict)
})
