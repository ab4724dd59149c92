import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor } from './events.ts'

test('a cursor carries its epoch and number and nothing else is a cursor', () => {
  const cursor = { epoch: 'a1b2c3d4e5f6', seq: 9_007_199_254_740_993n }
  expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor)
  for (const text of ['', 'x', 'é', Buffer.from('a1.-1').toString('base64url'), encodeCursor(cursor).slice(4)])
    expect(decodeCursor(text)).toBeNull()
})
