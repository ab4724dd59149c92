/**
 * What may leave a bridge for where, as rules of the kernel's packet filter. Pure. From the bridge the internet is open;
 * the machine itself, link-local and private addresses, and neighbours on the bridge are not, but for what is allowed by name.
 */
import { isIP } from 'node:net'

export type Family = 'ipv4' | 'ipv6'
export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

/** An address or a range of them, all of it or one port (TCP and UDP). */
export interface Destination {
  family: Family
  /** With its prefix length where it is a range. */
  network: string
  port: number | null
}

export interface Guard {
  /** The kernel's name of the bridge. */
  bridge: string
  /** Whose rules they are: the comment of each rule of ours in a chain that is not ours. */
  mark: string
  /** Docker's resolver asks them from within the container, so their port 53 has to be open. */
  nameServers: readonly string[]
  allowed: readonly Destination[]
}

/** Ranges that are no place on the internet; the machine's own addresses are refused whatever they are. */
const CLOSED: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
    ...['192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3'],
    // A public address at which Azure answers its machines, and only them.
    '168.63.129.16/32',
  ],
  // All but global unicast, and of that what wraps an IPv4 address.
  ipv6: ['::/3', '4000::/2', '8000::/1', '2002::/16', '2001::/32'],
}

const DNS_PORT = 53

/** The kernel takes 28 characters. */
export interface Chains {
  /** From the bridge to the machine itself. */
  host: string
  /** From the bridge through the machine. */
  away: string
  /** Through the machine to the bridge: answers from what is allowed, which Docker would keep between its networks. */
  back: string
}

export function chainsOf({ bridge }: Pick<Guard, 'bridge'>): Chains {
  return { host: `${bridge}-host`, away: `${bridge}-away`, back: `${bridge}-back` }
}

/** Input of iptables-restore --noflush: makes the chains, or replaces what is in them, at one stroke. */
export function chainsText(guard: Guard, family: Family): string {
  const { host, away, back } = chainsOf(guard)
  const rules = [
    `-A ${host} ${ANSWERS} -j RETURN`,
    ...[...neighbourDiscovery(family), ...openings(guard, family)].map((rule) => `-A ${host} ${rule}`),
    `-A ${host} ${reject(family)}`,
    `-A ${away} -o ${guard.bridge} ${reject(family)}`,
    `-A ${away} ${ANSWERS} -j RETURN`,
    ...openings(guard, family).map((rule) => `-A ${away} ${rule}`),
    ...CLOSED[family].map((network) => `-A ${away} -d ${network} ${reject(family)}`),
    ...openings(guard, family).map((rule) => `-A ${back} ${ANSWERS} ${rule}`),
  ]
  return ['*filter', ...[host, away, back].map((chain) => `:${chain} - [0:0]`), ...rules, 'COMMIT', ''].join('\n')
}

const ANSWERS = '-m conntrack --ctstate ESTABLISHED,RELATED'

function reject(family: Family): string {
  return `-j REJECT --reject-with ${family === 'ipv4' ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`
}

/** Without it nobody on an IPv6 link finds the gateway. */
function neighbourDiscovery(family: Family): string[] {
  return family === 'ipv4' ? [] : [133, 135, 136].map((type) => `-p ipv6-icmp --icmpv6-type ${type} -j RETURN`)
}

/** By the address that the sender named: on the way here it may have been translated into another. */
function openings({ nameServers, allowed }: Guard, family: Family): string[] {
  const servers = nameServers.map((address) => ({ family: familyOf(address), network: address, port: DNS_PORT }))
  return [...servers, ...allowed]
    .filter((destination) => destination.family === family)
    .flatMap(({ network, port }) =>
      port === null
        ? [`-m conntrack --ctorigdst ${network} -j ACCEPT`]
        : ['tcp', 'udp'].map(
            (protocol) =>
              `-p ${protocol} -m conntrack --ctproto ${protocol} --ctorigdst ${network} --ctorigdstport ${port} -j ACCEPT`,
          ),
    )
}

function familyOf(address: string): Family {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** `10.0.0.5`, `10.0.0.0/16`, each with a port or without, IPv6 in brackets where a port follows; null for anything else. */
export function parseDestination(text: string): Destination | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)|([^[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const network = match?.[1] ?? match?.[2] ?? match?.[3]
  if (!match || !network) return null
  const [address = '', prefix] = network.split('/')
  const version = isIP(address)
  const port = match[4] === undefined ? null : Number(match[4])
  if (version === 0 || (port !== null && (port < 1 || port > 65535))) return null
  if (prefix !== undefined && !(/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))) return null
  return { family: familyOf(address), network, port }
}

/** The name servers that a resolv.conf names and that a container can ask; those on loopback Docker asks itself. */
export function nameServersIn(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)]
    .map(([, address = '']) => address)
    .filter((address) => isIP(address) && !address.startsWith('127.') && address !== '::1')
}
