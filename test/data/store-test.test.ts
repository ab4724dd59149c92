/** What is wrong with a data store is said precisely, check by check, against a real S3 server and servers that misbehave. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { AddressGuard } from '../../src/mover/address.ts'
import {
  type BucketSource,
  type ErrandReport,
  EXIT,
  PROTOCOL,
  type StoreCheck,
  type StoreTest,
} from '../../src/mover/protocol.ts'
import { testStore } from '../../src/mover/store-test.ts'
import { Bucket, s3 } from './s3.ts'
import { WRONG_NAME } from './wrong-name.ts'

const MAIN = fileURLToPath(new URL('../../src/mover/main.ts', import.meta.url))

interface Tried {
  /** Each check in a word, in their order. */
  outcomes: Partial<Record<StoreCheck['check'], string>>
  messages: Partial<Record<StoreCheck['check'], string>>
  /** All that was said. */
  output: string
}

interface Trial {
  /** Instead of the endpoint's own address. */
  allowed?: string[]
  secondsPerStep?: number
}

function testOf(change: Partial<BucketSource>, { allowed, secondsPerStep = 20 }: Trial): StoreTest {
  const { endpoint, region, accessKey, secretKey } = s3()
  const keys = { accessKeyId: accessKey, secretAccessKey: secretKey }
  const plain = { type: 'bucket', endpoint, region, ...keys, pathStyle: true, bucket: 'bucket', prefix: '' } as const
  const source = { ...plain, ...change }
  const allowedPrivateAddresses = allowed ?? [new URL(source.endpoint).host]
  return { protocol: PROTOCOL, operation: 'operation', errand: 'test', source, secondsPerStep, allowedPrivateAddresses }
}

async function tryStore(change: Partial<BucketSource>, trial: Trial = {}): Promise<Tried> {
  const errand = testOf(change, trial)
  const reports: StoreCheck[][] = []
  const { signal } = new AbortController()
  const checks = await testStore(
    errand,
    new AddressGuard(errand.allowedPrivateAddresses),
    (made) => reports.push(made),
    signal,
  )
  return tried(errand, checks, JSON.stringify(reports))
}

/** The same by the real mover. `ca`: a file with a certificate that it trusts. */
async function runMover(
  change: Partial<BucketSource>,
  ca: string | null = null,
): Promise<Tried & { code: number | null }> {
  const errand = testOf(change, {})
  const env = { ...process.env, ...(ca && { NODE_EXTRA_CA_CERTS: ca }) }
  const mover = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'], env })
  const closed = new Promise<number | null>((resolve) => mover.on('close', resolve))
  mover.stdin.end(JSON.stringify(errand))
  const output = await text(mover.stdout)
  const reports = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ErrandReport)
  expect(reports.map(({ state }) => state)).toEqual([...reports.slice(1).map(() => 'running'), 'done'])
  return { ...tried(errand, reports.at(-1)?.checks ?? [], output), code: await closed }
}

function tried({ source }: StoreTest, checks: StoreCheck[], output: string): Tried {
  for (const secret of [source.secretAccessKey, source.accessKeyId]) expect(output).not.toContain(secret)
  return {
    outcomes: Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome])),
    messages: Object.fromEntries(checks.map(({ check, message }) => [check, message ?? ''])),
    output,
  }
}

/** A server of the test's own, and its address. */
async function serving(server: Server, use: (host: string) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** The real store, but for what `instead` answers itself. */
function before(instead: (incoming: IncomingMessage, outgoing: ServerResponse) => boolean): RequestListener {
  return (incoming, outgoing) => {
    if (instead(incoming, outgoing)) return void incoming.resume()
    const { hostname, port } = new URL(s3().endpoint)
    const { method, url, headers } = incoming
    const onwards = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...Object.fromEntries(changed(outgoing)) })
      answer.pipe(outgoing)
    })
    onwards.on('error', () => outgoing.destroy())
    incoming.pipe(onwards)
  }
}

const changed = (outgoing: ServerResponse) =>
  outgoing.getHeaderNames().map((name) => [name, outgoing.getHeader(name)] as const)

function deny(outgoing: ServerResponse): true {
  const body = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
  outgoing.writeHead(403, { 'content-type': 'application/xml' }).end(body)
  return true
}

const FINE = { ADDRESS: 'PASSED', CONNECTION: 'PASSED', TLS: 'SKIPPED', CLOCK: 'PASSED' }
const ALL = {
  ...FINE,
  KEYS: 'PASSED',
  BUCKET: 'PASSED',
  LIST: 'PASSED',
  PUT: 'PASSED',
  GET: 'PASSED',
  DELETE: 'PASSED',
}
const NONE = Object.fromEntries(Object.keys(ALL).map((check) => [check, 'SKIPPED']))

test('a store that is as it should be passes every check, one line each, and nothing stays in it', async () => {
  const bucket = await Bucket.create()
  await bucket.put('there', 'before')
  const { code, outcomes, output } = await runMover({ bucket: bucket.name, prefix: 'below/' })
  expect(code).toBe(EXIT.DONE)
  expect(outcomes).toEqual(ALL)
  expect(Object.keys(outcomes)).toEqual(Object.keys(ALL))
  expect(output.trim().split('\n')).toHaveLength(11)
  expect(await bucket.keys()).toEqual(['there'])
})

test('an object that an earlier try left in the bucket is taken for our own, and goes', async () => {
  const bucket = await Bucket.create()
  await bucket.put('.cahier-test-operation', 'Written by Cahier to try this data store; it may be deleted.\n')
  expect((await tryStore({ bucket: bucket.name })).outcomes).toEqual(ALL)
  expect(await bucket.keys()).toEqual([])
})

test('a name that does not resolve', async () => {
  const { outcomes, messages } = await tryStore({ endpoint: 'http://store.invalid' })
  expect(outcomes).toEqual({ ...NONE, ADDRESS: 'FAILED' })
  expect(messages.ADDRESS).toMatch(/^The name store\.invalid does not resolve: (ENOTFOUND|EAI_AGAIN)\.$/)
})

test('an address that the operator does not allow is not dialled', async () => {
  const { outcomes, messages } = await tryStore({ endpoint: 'http://127.0.0.1:9' }, { allowed: [] })
  expect(outcomes).toEqual({ ...NONE, ADDRESS: 'FAILED' })
  expect(messages.ADDRESS).toContain('127.0.0.1:9 is in a private or special range')
})

test('a connection that is refused, and one that nobody answers', async () => {
  let free = ''
  await serving(createTcpServer(), async (host) => {
    free = host
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}` }, { secondsPerStep: 1 })
    expect(outcomes).toEqual({ ...NONE, ADDRESS: 'PASSED', CONNECTION: 'FAILED' })
    expect(messages.CONNECTION).toBe(`${host} takes connections, but does not answer within 1 s.`)
  })
  const { outcomes, messages } = await tryStore({ endpoint: `http://${free}` })
  expect(outcomes).toEqual({ ...NONE, ADDRESS: 'PASSED', CONNECTION: 'FAILED' })
  expect(messages.CONNECTION).toBe(`${free} cannot be reached: ECONNREFUSED.`)
})

test('something that speaks no HTTP', async () => {
  const server = createTcpServer((socket) => socket.on('error', () => undefined).end('220 mail.example ESMTP\r\n'))
  await serving(server, async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}` })
    expect(outcomes).toEqual({ ...NONE, ADDRESS: 'PASSED', CONNECTION: 'FAILED' })
    expect(messages.CONNECTION).toMatch(/does not answer as HTTP: HPE_\w+\.$/)
  })
})

test('a certificate that nobody vouches for, one of another host, and no TLS at all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cahier-ca-'))
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, WRONG_NAME.cert)
  const failsInTls = { ...NONE, ADDRESS: 'PASSED', CONNECTION: 'PASSED', TLS: 'FAILED' }
  await serving(createHttpsServer(WRONG_NAME), async (host) => {
    const unknown = await tryStore({ endpoint: `https://${host}` })
    expect(unknown.outcomes).toEqual(failsInTls)
    expect(unknown.messages.TLS).toContain(
      `${host} showed a certificate that is not valid: DEPTH_ZERO_SELF_SIGNED_CERT`,
    )
    const other = await runMover({ endpoint: `https://${host}` }, ca)
    expect(other.outcomes).toEqual(failsInTls)
    expect(other.messages.TLS).toMatch(/not valid: ERR_TLS_CERT_ALTNAME_INVALID \(.*127\.0\.0\.1/)
  })
  rmSync(folder, { recursive: true })
  await serving(createHttpServer(), async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `https://${host}` })
    expect(outcomes).toEqual(failsInTls)
    expect(messages.TLS).toContain(`${host} does not speak TLS as it should`)
  })
})

test('a clock that is an hour behind, while the rest is well', async () => {
  const bucket = await Bucket.create()
  const listener = before((_, outgoing) => {
    outgoing.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString())
    return false
  })
  await serving(createHttpServer(listener), async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}`, bucket: bucket.name })
    expect(outcomes).toMatchObject({ CLOCK: 'FAILED' })
    expect(messages.CLOCK).toMatch(/^The store's clock is 3(599|600|601) s behind ours; S3 refuses/)
  })
})

test.each([
  ['an unknown key', { accessKeyId: 'unknown-key' }, /S3 said 403 InvalidAccessKeyId/],
  ['a wrong secret', { secretAccessKey: 'wrong-secret' }, /S3 said 403 SignatureDoesNotMatch/],
])('%s', async (_, keys, said) => {
  const bucket = await Bucket.create()
  const { outcomes, messages, output } = await tryStore({ bucket: bucket.name, ...keys })
  expect(outcomes).toEqual({ ...NONE, ...FINE, KEYS: 'FAILED' })
  expect(messages.KEYS).toMatch(said)
  for (const secret of [s3().secretKey, ...Object.values(keys)]) expect(output).not.toContain(secret)
})

test('no such bucket', async () => {
  const { name } = Bucket.named()
  const { outcomes, messages } = await tryStore({ bucket: name })
  expect(outcomes).toEqual({ ...NONE, ...FINE, KEYS: 'PASSED', BUCKET: 'FAILED' })
  expect(messages.BUCKET).toContain(`There is no bucket "${name}": S3 said 404 NoSuchBucket`)
})

test('a store that serves buckets in the path only', async () => {
  const bucket = await Bucket.create()
  const refuseOtherHosts = before(({ headers }, outgoing) => {
    if (!headers.host?.startsWith(bucket.name)) return false
    outgoing.writeHead(404).end()
    return true
  })
  await serving(createHttpServer(refuseOtherHosts), async (host) => {
    const endpoint = `http://localhost:${host.split(':')[1]}`
    const allowed = [endpoint.slice(7), `${bucket.name}.${endpoint.slice(7)}`]
    const { outcomes, messages } = await tryStore({ endpoint, bucket: bucket.name, pathStyle: false }, { allowed })
    expect(outcomes).toEqual({ ...NONE, ...FINE, BUCKET: 'FAILED' })
    expect(messages.BUCKET).toMatch(/does not serve the bucket as a part of its host name \(.*\), but does in the path/)
  })
})

test('keys that may not list are still tried on objects', async () => {
  const bucket = await Bucket.create()
  const listener = before(({ method, url }, outgoing) => {
    const isListing = method === 'GET' && url?.includes('list-type=2')
    return isListing ? deny(outgoing) : false
  })
  await serving(createHttpServer(listener), async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}`, bucket: bucket.name })
    expect(outcomes).toEqual({ ...ALL, BUCKET: 'SKIPPED', LIST: 'FAILED' })
    expect(messages.LIST).toContain('S3 said 403 AccessDenied')
  })
  expect(await bucket.keys()).toEqual([])
})

test('keys that may not put', async () => {
  const bucket = await Bucket.create()
  const listener = before(({ method }, outgoing) => (method === 'PUT' ? deny(outgoing) : false))
  await serving(createHttpServer(listener), async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}`, bucket: bucket.name })
    expect(outcomes).toEqual({ ...ALL, PUT: 'FAILED', GET: 'SKIPPED', DELETE: 'SKIPPED' })
    expect(messages.PUT).toContain('S3 said 403 AccessDenied')
  })
})

test('keys that may not delete: what was put to try it is left, and its key is told', async () => {
  const bucket = await Bucket.create()
  const listener = before(({ method, url }, outgoing) => {
    const isDeletion = method === 'DELETE' || (method === 'POST' && url?.includes('delete'))
    return isDeletion ? deny(outgoing) : false
  })
  await serving(createHttpServer(listener), async (host) => {
    const { outcomes, messages } = await tryStore({ endpoint: `http://${host}`, bucket: bucket.name })
    expect(outcomes).toEqual({ ...ALL, DELETE: 'FAILED' })
    expect(messages.DELETE).toMatch(/S3 said 403 AccessDenied.*The object "\.cahier-test-operation" is left/)
  })
  expect(await bucket.keys()).toEqual(['.cahier-test-operation'])
})
