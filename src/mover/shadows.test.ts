import { expect, test } from 'vitest'
import { Shadows } from './shadows.ts'

test('a file whose name is the folder of other keys is hidden, also with others in between', () => {
  const shadows = new Shadows()
  const keys = ['a', 'a-b', 'a-b/c', 'a.txt', 'a/', 'a/b', 'a/b/c', 'ab', 'z/y']
  const hidden = keys.map((key) => shadows.see(key, 10)).reduce((sum, bytes) => sum + bytes, 0)
  expect(keys.filter((key) => shadows.hides(key))).toEqual(['a', 'a-b', 'a/b'])
  expect(hidden).toBe(30)
})
