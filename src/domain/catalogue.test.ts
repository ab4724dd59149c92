import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CatalogueError, parseCatalogue } from './catalogue.ts'

const shipped = readFileSync(new URL('../../images/catalogue.json', import.meta.url), 'utf8')
const changed = (change: (catalogue: { flavors: object[] }) => void): string => {
  const catalogue = JSON.parse(shipped)
  change(catalogue)
  return JSON.stringify(catalogue)
}

test('the catalogue that comes with Cahier has the flavors of the contract, with exact prices', () => {
  const { flavors, defaultFlavor } = parseCatalogue(shipped)
  expect(flavors.map(({ id }) => id)).toEqual(['ai1-1-cpu', 'ai1-1-gpu', 'l4-1-gpu', 'l40s-1-gpu', 'h100-1-gpu'])
  expect(flavors[0]).toMatchObject({ pricePerHourMicros: 30_000n, memoryBytes: 4 * 2 ** 30, maxUnits: 12 })
  expect(defaultFlavor).toBe('ai1-1-gpu')
})

test('shared memory is half of a flavor’s memory unless the flavor says otherwise', () => {
  const { flavors } = parseCatalogue(changed((c) => Object.assign(c.flavors[1] ?? {}, { shm: '1GiB' })))
  expect(flavors.slice(0, 2).map(({ shmBytes }) => shmBytes)).toEqual([2 * 2 ** 30, 2 ** 30])
})

test('a pull leaves a tenth of the disk free, and 5 GiB, unless the operator says otherwise', () => {
  expect(parseCatalogue(shipped).diskReserve).toEqual({ share: 0.1, bytes: 5 * 2 ** 30 })
})

test.each([
  ['not JSON', '{', /not JSON/],
  [
    'a price with a sign',
    changed((c) => Object.assign(c.flavors[0] ?? {}, { pricePerHour: '-1' })),
    /flavors\.0\.pricePerHour.*"-1"/,
  ],
  [
    'a size without a unit',
    changed((c) => Object.assign(c.flavors[0] ?? {}, { memory: '4' })),
    /flavors\.0\.memory.*4GiB/,
  ],
  ['a field that nobody knows', changed((c) => Object.assign(c, { flavours: [] })), /flavours/],
  [
    'an image that is not there',
    changed((c) => Object.assign(c, { images: { mover: { build: 'mover' } } })),
    /jupyterlab-python/,
  ],
])('%s is refused with a sentence that says where', (_, text, message) => {
  expect(() => parseCatalogue(text)).toThrow(CatalogueError)
  expect(() => parseCatalogue(text)).toThrow(message)
})
