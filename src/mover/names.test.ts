import { relative, resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { besidePath, isInTheWay, isReserved, refusePath } from './names.ts'

const hostile = fc.string({
  unit: fc.constantFrom('a', '.', '..', '/', '//', '\0', '\\', '~', ' ', '\n', 'é', '.cahier-aside'),
  maxLength: 12,
})

describe('refusePath', () => {
  test.each([
    '../etc/passwd',
    'a/../../b',
    '/etc/passwd',
    'a//b',
    '//',
    'a/./b',
    '.',
    '..',
    'a/..',
    'nul\0byte',
    `${'n'.repeat(256)}/x`,
    '.cahier-aside/x',
  ])('refuses %j', (path) => {
    expect(refusePath(path)).toMatch(/\.$/)
  })

  test.each([
    'a',
    'a/b',
    'folder/',
    '...',
    '..a',
    'a..',
    ' ',
    '\\..\\x',
    'a\nb',
    '-rf',
    '~root',
    `${'n'.repeat(255)}`,
    'x/.cahier-aside',
  ])('carries %j', (path) => {
    expect(refusePath(path)).toBeNull()
  })

  test('a path that is not refused stays below the volume, whatever it is made of', () => {
    fc.assert(
      fc.property(hostile, (path) => {
        fc.pre(path !== '' && refusePath(path) === null)
        const place = relative('/volume', resolve('/volume', path))
        expect(place).toBe(path.replace(/\/$/, ''))
      }),
    )
  })
})

describe('besidePath', () => {
  const noon = `${BigInt(Date.UTC(2030, 0, 31, 12, 0, 0, 250)) * 1_000_000n}`

  test.each([
    ['notes.txt', 0, 'notes.conflict-heron-20300131T120000250Z.txt'],
    ['a.b/c', 0, 'a.b/c.conflict-heron-20300131T120000250Z'],
    ['d/.bashrc', 0, 'd/.bashrc.conflict-heron-20300131T120000250Z'],
    ['a.tar.gz', 2, 'a.tar.conflict-heron-20300131T120000250Z-2.gz'],
  ])('%s', (path, attempt, expected) => {
    expect(besidePath(path, 'conflict-heron', noon, attempt)).toBe(expected)
  })

  test('is always a name that a file system takes, in the same folder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), fc.string(), (name, label) => {
        fc.pre(!/[/\0]/.test(name) && refusePath(name) === null)
        const beside = besidePath(`folder/${name}`, label, noon, 0)
        expect(refusePath(beside)).toBeNull()
        expect(beside.startsWith('folder/')).toBe(true)
        expect(beside).not.toBe(`folder/${name}`)
      }),
    )
  })
})

test('reserved are a mount point with all below it; in its way are its parents', () => {
  expect(isReserved('mnt/data/x', ['mnt/data'])).toBe(true)
  expect(isReserved('mnt/data/', ['mnt/data'])).toBe(true)
  expect(isReserved('mnt/database', ['mnt/data'])).toBe(false)
  expect(isInTheWay('mnt', ['mnt/data'])).toBe(true)
  expect(isInTheWay('mnt/data', ['mnt/data'])).toBe(true)
  expect(isInTheWay('mnt/other', ['mnt/data'])).toBe(false)
})
