/**
 * The guard at the door: addresses that users name may not lead to loopback, link-local, private or other special ranges.
 * It sits where the connection is made and hands the socket only addresses it has checked, so that a name which answers
 * differently the second time gains nothing. An operator's `host:port` opens exactly that one.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'

/** What an address is dialled with: a name server's answer, as dns.lookup with `all`. */
export type Resolver = (
  host: string,
  options: { all: true; family?: number; hints?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** The address is not one that a user may name. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
  constructor(host: string, port: number) {
    super(
      `The address ${host}:${port} is in a private or special range; only the operator of this installation can allow it.`,
    )
  }
}

/** IPv4 ranges that are no place on the internet (IANA's special-purpose registry and multicast). */
const SPECIAL_IPV4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]
/** Of IPv6 only global unicast is public, and of that not what wraps an IPv4 address or is kept for examples. */
const GLOBAL_IPV6: [string, number] = ['2000::', 3]
const SPECIAL_IPV6: [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const specialIpv4 = new BlockList()
for (const [net, prefix] of SPECIAL_IPV4) specialIpv4.addSubnet(net, prefix, 'ipv4')
const globalIpv6 = new BlockList()
globalIpv6.addSubnet(...GLOBAL_IPV6, 'ipv6')
const specialIpv6 = new BlockList()
for (const [net, prefix] of SPECIAL_IPV6) specialIpv6.addSubnet(net, prefix, 'ipv6')

/** Whether an IP address is a place on the public internet. Anything but an IP address is not. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !specialIpv4.check(address, 'ipv4')
  if (isIP(address) === 6 && !address.includes('%'))
    return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')
  return false
}

/** Makes the agents through which alone a store is reached. */
export class AddressGuard {
  readonly #allowed: ReadonlySet<string>
  readonly #resolve: Resolver

  /** `allowed`: `host:port`, IPv6 addresses in brackets. */
  constructor(allowed: readonly string[], resolve: Resolver = systemLookup) {
    this.#allowed = new Set(allowed.map((address) => address.toLowerCase()))
    this.#resolve = resolve
  }

  agents(maxSockets: number): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
    const options = { keepAlive: true, maxSockets }
    return { httpAgent: new GuardedHttpAgent(this, options), httpsAgent: new GuardedHttpsAgent(this, options) }
  }

  /** Connection options that can only lead to a checked address. Throws AddressRefusedError for a literal address. */
  guarded<T extends ClientRequestArgs>(options: T): T & { lookup: LookupFunction } {
    const host = (options.host ?? 'localhost').replace(/^\[|\]$/g, '')
    const port = Number(options.port)
    if (isIP(host) && !this.#isAllowed(host, host, port)) throw new AddressRefusedError(host, port)
    return { ...options, lookup: this.#lookup(host, port) }
  }

  #lookup(host: string, port: number): LookupFunction {
    return (name, options, callback) => {
      const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0)
      this.#resolve(name, { all: true, family, hints: options.hints ?? 0 }, (error, addresses) => {
        if (error) return callback(error, [])
        const usable = addresses.filter(({ address }) => this.#isAllowed(host, address, port))
        const [first] = usable
        if (!first) return callback(new AddressRefusedError(host, port), [])
        if (options.all) callback(null, usable)
        else callback(null, first.address, first.family)
      })
    }
  }

  #isAllowed(host: string, address: string, port: number): boolean {
    return (
      isPublicAddress(address) || this.#allowed.has(hostPort(host, port)) || this.#allowed.has(hostPort(address, port))
    )
  }
}

type Connected = (error: Error | null, stream: Duplex) => void

class GuardedHttpAgent extends HttpAgent {
  readonly #guard: AddressGuard
  constructor(guard: AddressGuard, options: { keepAlive: boolean; maxSockets: number }) {
    super(options)
    this.#guard = guard
  }
  override createConnection(options: ClientRequestArgs, callback?: Connected): Duplex | null | undefined {
    return super.createConnection(this.#guard.guarded(options), callback)
  }
}

class GuardedHttpsAgent extends HttpsAgent {
  readonly #guard: AddressGuard
  constructor(guard: AddressGuard, options: { keepAlive: boolean; maxSockets: number }) {
    super(options)
    this.#guard = guard
  }
  override createConnection(options: ClientRequestArgs, callback?: Connected): Duplex | null | undefined {
    return super.createConnection(this.#guard.guarded(options), callback)
  }
}

function hostPort(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host.toLowerCase()}:${port}`
}
