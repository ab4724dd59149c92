import { createServer, get, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AddressGuard, AddressRefusedError, isPublicAddress, type Resolver } from './address.ts'

describe('isPublicAddress', () => {
  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.0.8',
    '198.18.0.1',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
    'localhost',
    '',
    '0x7f.1',
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })
})

describe('AddressGuard', () => {
  let server: Server
  let port: number

  beforeEach(async () => {
    server = createServer((_, response) => response.end('reached'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })

  afterEach(() => new Promise((resolve) => server.close(resolve)))

  /** A name server that answers these addresses, one each time it is asked. */
  function answering(...answers: string[]): Resolver {
    return (_host, _options, callback) => callback(null, [{ address: answers.shift() ?? '', family: 4 }])
  }

  function reach(guard: AddressGuard, host: string): Promise<string> {
    const { httpAgent } = guard.agents(1)
    return new Promise((resolve, reject) => {
      const request = get({ host, port, agent: httpAgent }, (response) => {
        response.setEncoding('utf8').on('data', resolve)
        response.on('end', () => httpAgent.destroy())
      })
      request.on('error', reject)
    })
  }

  test.each(['127.0.0.1', 'localhost'])('refuses loopback by the name %s', async (host) => {
    await expect(reach(new AddressGuard([]), host)).rejects.toThrow(AddressRefusedError)
  })

  test('allows what the operator named, by that very host and port', async () => {
    await expect(reach(new AddressGuard([`127.0.0.1:${port}`]), '127.0.0.1')).resolves.toBe('reached')
    await expect(
      reach(new AddressGuard([`store.internal:${port}`], answering('127.0.0.1')), 'store.internal'),
    ).resolves.toBe('reached')
    await expect(reach(new AddressGuard([`127.0.0.1:${port + 1}`]), '127.0.0.1')).rejects.toThrow(AddressRefusedError)
    await expect(
      reach(new AddressGuard([`other.internal:${port}`], answering('127.0.0.1')), 'store.internal'),
    ).rejects.toThrow(AddressRefusedError)
  })

  test('a name that answers a public address first and loopback then is refused then', async () => {
    const guard = new AddressGuard([], answering('203.0.114.1', '127.0.0.1'))
    const first = guard.guarded({ host: 'rebinding.example', port })
    const dialled = await new Promise((resolve) => {
      first.lookup('rebinding.example', { all: true }, (_, addresses) => resolve(addresses))
    })
    expect(dialled).toEqual([{ address: '203.0.114.1', family: 4 }])
    await expect(reach(guard, 'rebinding.example')).rejects.toThrow(AddressRefusedError)
  })

  test('of several addresses only the public ones are dialled', async () => {
    const both: Resolver = (_host, _options, callback) =>
      callback(null, [
        { address: '10.0.0.1', family: 4 },
        { address: '8.8.8.8', family: 4 },
      ])
    const { lookup } = new AddressGuard([], both).guarded({ host: 'mixed.example', port: 443 })
    const dialled = await new Promise((resolve) =>
      lookup('mixed.example', { all: true }, (_, addresses) => resolve(addresses)),
    )
    expect(dialled).toEqual([{ address: '8.8.8.8', family: 4 }])
  })
})
