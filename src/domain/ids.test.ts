import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NotFoundError } from './errors.ts'
import { decodeId, encodeId, type NodeType, parseId, requireId } from './ids.ts'

const types: NodeType[] = ['Project', 'DataStore', 'Notebook', 'Volume', 'DataSync', 'BillingPeriod']

test('an id leads back to its type and uuid, and to no other type', () => {
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uuid(), (type, uuid) => {
      const id = encodeId(type, uuid)
      expect(parseId(id)).toEqual({ type, uuid })
      for (const other of types) expect(decodeId(other, id)).toBe(other === type ? uuid : null)
    }),
  )
})

test('any other text is no id, whatever is in it', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => parseId(text) === null))
  const uuid = '6f9619ff-8b86-4011-b42d-00c04fc964ff'
  const id = encodeId('Notebook', uuid)
  const near = [
    uuid,
    `${id}=`,
    `${id}A`,
    ` ${id}`,
    id.slice(0, -1),
    Buffer.from(`Notebook:${uuid.toUpperCase()}`).toString('base64url'),
    Buffer.from(`Notebook:${uuid}:x`).toString('base64url'),
    Buffer.from(`constructor:${uuid}`).toString('base64url'),
  ]
  for (const text of near) expect(parseId(text)).toBeNull()
})

test('an id of nothing is answered like one of something that is not there', () => {
  expect(() => requireId('DataStore', 'nonsense')).toThrow(NotFoundError)
  expect(() => requireId('DataStore', 'nonsense')).toThrow('There is no such data store, or it is not yours.')
})
