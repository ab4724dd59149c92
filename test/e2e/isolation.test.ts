/**
 * What a notebook reaches, tried from inside one that the controller made. Each address that rules refuse is tried without the
 * rules too, where it answers: so it is the rules that refuse it.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { Isolation } from '../../src/boot/isolation.ts'
import { bridgeName } from '../../src/engine/docker/names.ts'
import { ensureNetworks } from '../../src/engine/docker/networks.ts'
import { hostNameServers } from '../../src/host/firewall.ts'
import { parseDestination } from '../../src/host/firewall-rules.ts'
import { cahierDown } from '../testkit/cahier.ts'
import { type Elsewhere, elsewhere } from '../testkit/elsewhere.ts'
import type { LightNotebook } from '../testkit/light-notebook.ts'
import { lightWorld, type World } from './world.ts'

const LINK_LOCAL = '169.254.213.7'
const OF_THE_INTERNET = '203.0.113.213'
const ALLOWED = '10.213.8.1'
const METADATA = '169.254.169.254'
const [OPEN_PORT, OTHER_PORT] = [8080, 8081] as const

let w: World
let away: Elsewhere
let isolation: Isolation
let installation: string
let notebook: LightNotebook
let neighbour: LightNotebook
/** The node's address on the notebooks' network. */
let gateway: string

beforeAll(async () => {
  away = await elsewhere([LINK_LOCAL, OF_THE_INTERNET, ALLOWED], [OPEN_PORT, OTHER_PORT])
  // Listening everywhere, as behind a proxy on another machine: on loopback alone there would be nothing to refuse.
  const allowed = `${ALLOWED}:${OPEN_PORT}`
  w = await lightWorld({ HOST: '0.0.0.0', INSECURE_HTTP: '1', NOTEBOOK_ALLOWED_ADDRESSES: allowed })
  installation = (await w.database.installation.findFirstOrThrow()).id
  const destination = parseDestination(allowed)
  isolation = new Isolation({ docker: w.docker, installation, allowed: destination ? [destination] : [] })
  gateway = (await ensureNetworks(w.docker, installation)).notebooks.gateway
  const [one, two] = await Promise.all([w.runLight(), w.runLight()])
  notebook = one.inside
  neighbour = two.inside
})
afterAll(async () => {
  await away?.[Symbol.asyncDispose]()
  await w?.[Symbol.asyncDispose]()
})

/** "open", or why it is not. */
async function reach(host: string, port: number | string): Promise<string> {
  const connect = `timeout 2 bash -c 'exec 3<>/dev/tcp/${host}/${port}' 2>&1`
  const answer = await notebook.run(`${connect} && echo open || echo "status $?"`)
  return /open|refused|No route to host|status 124/.exec(answer)?.[0] ?? answer
}

async function withoutRules<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    for (;;) {
      await isolation.lower()
      const outcome = await attempt()
      // The control plane looks after its rules: it may have set them again in the middle of the attempt.
      if (rules().length === 0) return outcome
    }
  } finally {
    await isolation.raise()
  }
}

async function expectRulesRefuse(host: string, port: number | string): Promise<void> {
  expect(await withoutRules(() => reach(host, port)), 'without rules').toBe('open')
  expect(await reach(host, port), 'with rules').toBe('No route to host')
}

/** The jumps to our chains, as iptables prints them. */
function rules(): string[] {
  const all = execFileSync('iptables', ['--wait', '-S'], { encoding: 'utf8' }).split('\n')
  return all.filter((rule) => rule.includes(`cahier:${installation}`))
}

/** An address by which others know this machine. */
function ownAddress(): string {
  const external = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  const found = external.find(({ family, internal, address }) => family === 'IPv4' && !internal && address !== gateway)
  if (!found) throw new Error('This machine has no address but loopback')
  return found.address
}

async function inspect(inside: LightNotebook) {
  return w.docker.getContainer(inside.containerId).inspect()
}

describe('from a notebook, this machine is rejected', () => {
  test('the control plane and the gateway, at the address of its network', () =>
    expectRulesRefuse(gateway, w.environment.PORT))

  test('the control plane and the gateway, at the address of the machine', () =>
    expectRulesRefuse(ownAddress(), w.environment.PORT))

  test('a server on all addresses, as a database may be', async () => {
    const server = createServer((socket) => socket.end()).listen(0, '0.0.0.0')
    await once(server, 'listening')
    await expectRulesRefuse(gateway, (server.address() as AddressInfo).port)
    server.close()
  })

  test('the object storage, where movers reach it', async () => {
    const { hostname, port } = new URL(inject('s3').endpoint)
    await expectRulesRefuse(hostname, port)
  })

  test('the control plane on loopback is not the notebook’s loopback', async () => {
    expect(await reach('127.0.0.1', w.environment.PORT)).toBe('refused')
  })

  test('the sockets of Docker and of the database are not in its file system', async () => {
    const sockets = [new URL(inject('dockerHost')).pathname, '/var/run/docker.sock', '/run/docker.sock']
    const database = new URL(w.environment.DATABASE_URL).searchParams.get('host')
    const script = [...sockets, ...(database ? [database] : [])].map((path) => `ls -d ${path} 2>/dev/null`).join('\n')
    expect(await notebook.run(`${script}\ntrue`)).toBe('')
    const { Mounts, HostConfig } = await inspect(notebook)
    expect(HostConfig.Binds ?? []).toEqual([])
    expect(Mounts.map(({ Type }) => Type)).toEqual(['volume'])
  })
})

describe('from a notebook, other notebooks are out of reach', () => {
  test('at the address of the container', async () => {
    const { NetworkSettings } = await inspect(neighbour)
    const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? ''
    expect(await reach(address, 8888)).toBe('No route to host')
  })

  test('at the published port', async () => {
    const { NetworkSettings } = await inspect(neighbour)
    const port = NetworkSettings.Ports['8888/tcp']?.[0]?.HostPort ?? ''
    expect(await withoutRules(() => reach(gateway, port))).toBe('refused')
    expect(await reach(gateway, port)).toBe('No route to host')
  })
})

describe('from a notebook, link-local and private addresses are rejected', () => {
  test('a link-local address', () => expectRulesRefuse(LINK_LOCAL, OPEN_PORT))

  test('the address at which clouds answer their machines', async () => {
    expect(await reach(METADATA, 80)).toBe('No route to host')
  })

  test('a private address', () => expectRulesRefuse(away.address, OPEN_PORT))

  test('another port of an address of which one is allowed', () => expectRulesRefuse(ALLOWED, OTHER_PORT))

  test('IPv6, which its network does not have', async () => {
    expect(await notebook.run('cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6')).toBe('1\n')
  })
})

describe('from a notebook, there is a way', () => {
  test('to the internet', async () => {
    expect(await reach(OF_THE_INTERNET, OPEN_PORT)).toBe('open')
  })

  test('to what the operator allows', async () => {
    expect(await reach(ALLOWED, OPEN_PORT)).toBe('open')
  })

  test('to the name servers of the node, also private ones, which Docker’s resolver asks from within', async () => {
    for (const server of await hostNameServers())
      expect(await reach(server, 53)).toBe(await withoutRules(() => reach(server, 53)))
    const lookUp = () => notebook.run('getent hosts example.com || echo unknown')
    expect(await lookUp()).toBe(await withoutRules(lookUp))
  })
})

test('its container is as the flavor says, and its process nobody special', async () => {
  const { Config, HostConfig, NetworkSettings } = await inspect(notebook)
  const memory = 384 * 2 ** 20
  expect(HostConfig).toMatchObject({
    NanoCpus: 0.1e9,
    Memory: memory,
    MemorySwap: memory,
    ShmSize: memory / 2,
    PidsLimit: 4096,
    Privileged: false,
    CapAdd: null,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges:true'],
    Devices: null,
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    IpcMode: 'private',
    PidMode: '',
    UTSMode: '',
    UsernsMode: '',
  })
  expect(Config.User).toBe('42420:42420')
  const published = Object.values(NetworkSettings.Ports).flatMap((ports) => ports ?? [])
  expect(published).toEqual([{ HostIp: '127.0.0.1', HostPort: expect.any(String) }])
  const status = await notebook.run(
    'id -u; id -g; grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status',
  )
  expect(status.split(/\s+/).filter((word) => !word.endsWith(':'))).toEqual([
    '42420',
    '42420',
    ...Array(5).fill('0000000000000000'),
    '1',
    '2',
    '',
  ])
})

test('rules that are set twice are there once, those that were flushed come back, and down takes them out', async () => {
  expect(rules()).toHaveLength(3)
  await isolation.raise()
  expect(rules()).toHaveLength(3)
  for (const rule of rules())
    execFileSync('iptables', ['--wait', ...rule.replace(/^-A/, '-D').replaceAll('"', '').split(' ')])
  expect(rules()).toEqual([])
  await isolation.raise()
  expect(rules()).toHaveLength(3)
  expect((await cahierDown(w.environment)).code).toBe(0)
  // Of ours neither jumps nor chains are left; Docker has rules of its own for a network that is there.
  expect(rules()).toEqual([])
  const chain = `-N ${bridgeName(installation, 'notebooks')}-`
  expect(execFileSync('iptables', ['--wait', '-S'], { encoding: 'utf8' })).not.toContain(chain)
})
