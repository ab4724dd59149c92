import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Vault, VaultError } from './vault.ts'

test('what is sealed opens with the same key and purpose, and with nothing else', () => {
  const key = randomBytes(32)
  const vault = new Vault(key)
  const sealed = vault.seal('secret é', 'data-store:1')
  expect(new Vault(key).open(sealed, 'data-store:1')).toBe('secret é')
  expect(() => vault.open(sealed, 'data-store:2')).toThrow(VaultError)
  expect(() => new Vault(randomBytes(32)).open(sealed, 'data-store:1')).toThrow(VaultError)
  sealed.set([(sealed.at(-1) ?? 0) ^ 1], sealed.length - 1)
  expect(() => vault.open(sealed, 'data-store:1')).toThrow(VaultError)
})

test('the same text is sealed differently each time and does not show', () => {
  const vault = new Vault(randomBytes(32))
  const [a, b] = [vault.seal('secret', 'x'), vault.seal('secret', 'x')]
  expect(Buffer.compare(a, b)).not.toBe(0)
  expect(Buffer.from(a).includes('secret')).toBe(false)
})

test('a derived token depends on key and purpose only', () => {
  const key = randomBytes(32)
  expect(new Vault(key).derive('editor:1')).toBe(new Vault(key).derive('editor:1'))
  expect(new Vault(key).derive('editor:1')).not.toBe(new Vault(key).derive('editor:2'))
})
