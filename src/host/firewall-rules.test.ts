import { expect, test } from 'vitest'
import { chainsText, type Guard, nameServersIn, parseDestination } from './firewall-rules.ts'

const GUARD: Guard = { bridge: 'br', mark: 'm', nameServers: [], allowed: [] }

test('an allowed address is one, a range, or one port of either, and no name', () => {
  expect(parseDestination('10.0.0.5:5432')).toEqual({ family: 'ipv4', network: '10.0.0.5', port: 5432 })
  expect(parseDestination('10.1.0.0/16')).toEqual({ family: 'ipv4', network: '10.1.0.0/16', port: null })
  expect(parseDestination('[fd00::1]:443')).toEqual({ family: 'ipv6', network: 'fd00::1', port: 443 })
  expect(parseDestination('fd00::/8')).toEqual({ family: 'ipv6', network: 'fd00::/8', port: null })
  for (const wrong of ['', 'db.internal:5432', '10.0.0.5:0', '10.0.0.5:70000', '10.0.0.0/33', '10.0.0.5 -j ACCEPT'])
    expect(parseDestination(wrong), wrong).toBeNull()
})

test('nothing opens the way to a neighbour, not even an allowed range around it', () => {
  const allowed = [{ family: 'ipv4', network: '172.16.0.0/12', port: null } as const]
  const away = chainsText({ ...GUARD, allowed }, 'ipv4')
    .split('\n')
    .filter((rule) => rule.startsWith('-A br-away'))
  expect(away[0]).toBe('-A br-away -o br -j REJECT --reject-with icmp-admin-prohibited')
  expect(away.findIndex((rule) => rule.includes('ACCEPT'))).toBeGreaterThan(0)
})

test('what is allowed stands in the rules of its own family only', () => {
  const allowed = [{ family: 'ipv6', network: 'fd00::1', port: 443 } as const]
  expect(chainsText({ ...GUARD, allowed }, 'ipv4')).not.toContain('fd00::1')
  expect(chainsText({ ...GUARD, allowed }, 'ipv6')).toContain('--ctorigdst fd00::1 --ctorigdstport 443 -j ACCEPT')
})

test('name servers are those that a container can ask', () => {
  const file = '# nameserver 9.9.9.9\nnameserver 127.0.0.53\nnameserver 10.0.0.2\n nameserver fd00::53\noptions edns0\n'
  expect(nameServersIn(file)).toEqual(['10.0.0.2', 'fd00::53'])
})
