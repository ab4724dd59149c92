import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromMetadata, toMetadata, toUnixTime } from './metadata.ts'

const uploaded = new Date('2030-01-31T12:00:00Z')

test('type, mode and mtime come back as they were, before 1970 too', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('file' as const, 'symlink' as const, 'directory' as const),
      fc.integer({ min: 0, max: 0o777 }),
      fc.bigInt({ min: -(10n ** 18n), max: 4n * 10n ** 18n }),
      (type, mode, mtime) => {
        const stamp = { type, mode, mtime: `${mtime}` }
        expect(fromMetadata(type === 'directory' ? 'p/' : 'p', toMetadata(stamp), uploaded)).toEqual(stamp)
      },
    ),
  )
})

test.each([{}, { mode: 'x', mtime: 'yesterday' }, { mode: '9999999', mtime: '1e9' }, { mode: '49590', mtime: '' }])(
  'what another tool wrote and makes no sense is as if it were not there: %j',
  (metadata) => {
    const stamp = { type: 'file', mode: 0o644, mtime: `${BigInt(uploaded.getTime()) * 1_000_000n}` }
    expect(fromMetadata('p', metadata, uploaded)).toEqual(stamp)
  },
)

test('reads the times that rclone and s3fs write', () => {
  expect(fromMetadata('p', { mtime: '1700000000.123456789' }, uploaded).mtime).toBe('1700000000123456789')
  expect(fromMetadata('p', { mtime: '1700000000' }, uploaded).mtime).toBe('1700000000000000000')
})

test('set user and group id never come from a bucket', () => {
  expect(fromMetadata('p', { mode: String(0o104755) }, uploaded).mode).toBe(0o755)
})

test('a time that was cut to the microsecond is cut to the same again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000_000 }), (microseconds) => {
      expect(Math.floor(toUnixTime(`${microseconds}000`) * 1e6)).toBe(microseconds)
    }),
  )
})
