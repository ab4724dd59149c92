/**
 * Finds out what is wrong with a data store: everything that a notebook needs of it is tried in turn, from the name of its
 * address to the deletion of an object, and each check says how it went. What it puts to try that it deletes again.
 */
import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type AddressGuard, AddressRefusedError } from './address.ts'
import { STORE_CHECKS, type StoreCheck, type StoreTest } from './protocol.ts'
import type { RetryPolicy } from './retry.ts'
import { S3Store } from './s3.ts'
import { isCertificateFault } from './s3-errors.ts'
import { StoreError } from './store.ts'
import { codeOf } from './tree.ts'

/** S3 refuses a request whose time is further than that from its own, in seconds. */
const MOST_SKEW = 900
const RETRIES: RetryPolicy = { attempts: 2, firstPause: 200, longestPause: 200 }
const CONTENT = Buffer.from('Written by Cahier to try this data store; it may be deleted.\n')

/** What S3 calls keys that it does not know, or that do not fit together. */
const KEY_FAULTS = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'AuthFailure',
])

type Name = StoreCheck['check']
type Note = (check: Name, outcome: StoreCheck['outcome'], message?: string) => void

/** A check failed, and those behind it cannot be made. */
class CannotGoOn extends Error {}

/** Answers a line for every check. `report` is told of each as it is made. Throws the signal's reason, and nothing else. */
export async function testStore(
  test: StoreTest,
  guard: AddressGuard,
  report: (checks: StoreCheck[]) => void,
  signal: AbortSignal,
): Promise<StoreCheck[]> {
  const made = new Map<Name, StoreCheck>()
  const note: Note = (check, outcome, message) => {
    made.set(check, { check, outcome, message: message ?? null })
    report(inTurn(made))
  }
  try {
    await greet(test, guard, note, signal)
    await tryBucket(test, guard, note, signal)
    await tryObject(test, guard, note, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CannotGoOn)) throw error
  }
  for (const check of STORE_CHECKS) if (!made.has(check)) note(check, 'SKIPPED')
  return inTurn(made)
}

function inTurn(made: ReadonlyMap<Name, StoreCheck>): StoreCheck[] {
  return STORE_CHECKS.flatMap((check) => made.get(check) ?? [])
}

function failed(note: Note, check: Name, message: string): never {
  note(check, 'FAILED', message)
  throw new CannotGoOn()
}

interface Greeting {
  isConnected: boolean
  isSecured: boolean
  answer: IncomingMessage | null
  error: unknown
}

/** One request without keys: it shows whether something answers there, and what time it is for it. */
async function greet({ source, secondsPerStep }: StoreTest, guard: AddressGuard, note: Note, signal: AbortSignal) {
  const { host, hostname, protocol } = new URL(source.endpoint)
  const isHttps = protocol === 'https:'
  const { isConnected, isSecured, answer, error } = await send(source.endpoint, guard, secondsPerStep, signal)
  signal.throwIfAborted()
  const code = codeOf(error)
  if (error instanceof AddressRefusedError) failed(note, 'ADDRESS', error.message)
  if (code.startsWith('EAI_') || code === 'ENOTFOUND')
    failed(note, 'ADDRESS', `The name ${hostname} does not resolve: ${code}.`)
  note('ADDRESS', 'PASSED')
  const isLate = error instanceof Error && error.name === 'TimeoutError'
  if (!isConnected) {
    const why = isLate ? `no connection within ${secondsPerStep} s` : code || String(error)
    failed(note, 'CONNECTION', `${host} cannot be reached: ${why}.`)
  }
  if (isHttps && !isSecured) {
    note('CONNECTION', 'PASSED')
    failed(note, 'TLS', tlsFault(host, isLate ? `no handshake within ${secondsPerStep} s` : code, error))
  }
  if (!answer) {
    const why = isLate
      ? `does not answer within ${secondsPerStep} s`
      : `does not answer as HTTP: ${code || String(error)}`
    failed(note, 'CONNECTION', `${host} takes connections, but ${why}.`)
  }
  note('CONNECTION', 'PASSED')
  note('TLS', isHttps ? 'PASSED' : 'SKIPPED', isHttps ? undefined : 'The address is http: nothing is encrypted.')
  noteClock(answer, note)
}

function tlsFault(host: string, code: string, error: unknown): string {
  const said = error instanceof Error && isCertificateFault(code) ? ` (${error.message.replace(/\.$/, '')})` : ''
  return isCertificateFault(code)
    ? `${host} showed a certificate that is not valid: ${code}${said}.`
    : `${host} does not speak TLS as it should: ${code || String(error)}.`
}

function noteClock({ headers }: IncomingMessage, note: Note): void {
  const time = Date.parse(headers.date ?? '')
  const ahead = Math.round((time - Date.now()) / 1000)
  if (Number.isNaN(time)) note('CLOCK', 'SKIPPED', 'The store does not tell its time.')
  else if (Math.abs(ahead) <= MOST_SKEW) note('CLOCK', 'PASSED')
  else {
    const how = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'}`
    note(
      'CLOCK',
      'FAILED',
      `The store's clock is ${how} ours; S3 refuses requests that are more than ${MOST_SKEW} s off.`,
    )
  }
}

function send(endpoint: string, guard: AddressGuard, seconds: number, signal: AbortSignal): Promise<Greeting> {
  const { httpAgent, httpsAgent } = guard.agents(1)
  const isHttps = endpoint.startsWith('https:')
  const greeting: Greeting = { isConnected: false, isSecured: false, answer: null, error: null }
  const end = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)])
  const sending = new Promise<Greeting>((resolve) => {
    const sent = (isHttps ? httpsRequest : httpRequest)(endpoint, {
      agent: isHttps ? httpsAgent : httpAgent,
      signal: end,
    })
    sent.on('socket', (socket) => {
      socket.on('connect', () => {
        greeting.isConnected = true
      })
      socket.on('secureConnect', () => {
        greeting.isSecured = true
      })
    })
    sent.on('response', (answer) => {
      answer.destroy()
      resolve({ ...greeting, answer })
    })
    sent.on('error', (error) => resolve({ ...greeting, error: end.aborted ? end.reason : error }))
    sent.end()
  })
  return (
    sending
      // A literal address is refused before there is a socket.
      .catch((error: unknown) => ({ ...greeting, error }))
      .finally(() => {
        httpAgent.destroy()
        httpsAgent.destroy()
      })
  )
}

/** One step with the store, in the time that it has. Throws StoreError, or the signal's reason. */
async function ask<T>(
  { source, secondsPerStep }: Pick<StoreTest, 'source' | 'secondsPerStep'>,
  guard: AddressGuard,
  signal: AbortSignal,
  step: (store: S3Store) => Promise<T>,
): Promise<T> {
  const late = AbortSignal.timeout(secondsPerStep * 1000)
  const store = new S3Store(source, guard, AbortSignal.any([signal, late]), RETRIES)
  try {
    return await step(store)
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted) throw new StoreError('unavailable', `The store did not answer within ${secondsPerStep} s.`)
    throw error
  } finally {
    store.close()
  }
}

/** Null where it went well; throws what no store caused. */
async function problemOf(step: Promise<unknown>): Promise<StoreError | null> {
  try {
    await step
    return null
  } catch (error) {
    if (error instanceof StoreError) return error
    throw error
  }
}

function list(test: StoreTest, guard: AddressGuard, signal: AbortSignal): Promise<StoreError | null> {
  return problemOf(ask(test, guard, signal, (store) => store.list(test.source.prefix)[Symbol.asyncIterator]().next()))
}

/** Whether the keys are known, the bucket is there, and what is in it may be listed. */
async function tryBucket(test: StoreTest, guard: AddressGuard, note: Note, signal: AbortSignal): Promise<void> {
  const { source } = test
  const problem = await list(test, guard, signal)
  if (!problem) {
    for (const check of ['KEYS', 'BUCKET', 'LIST'] as const) note(check, 'PASSED')
    return
  }
  const { name, status } = causeOf(problem)
  if (KEY_FAULTS.has(name)) failed(note, 'KEYS', problem.message)
  if (status === 403 && name !== 'RequestTimeTooSkewed') {
    note('KEYS', 'PASSED')
    note('BUCKET', 'SKIPPED', 'The store does not say whether there is such a bucket, as it refuses the listing.')
    // A key may be for writing only.
    return note('LIST', 'FAILED', problem.message)
  }
  if (!source.pathStyle) {
    const otherwise = await list({ ...test, source: { ...source, pathStyle: true } }, guard, signal)
    if (!otherwise || causeOf(otherwise).status === 403)
      failed(
        note,
        'BUCKET',
        `The store does not serve the bucket as a part of its host name (${problem.message.replace(/\.$/, '')}), but does in the path: it needs pathStyle.`,
      )
  }
  if (name === 'RequestTimeTooSkewed') failed(note, 'CLOCK', problem.message)
  if (problem.kind === 'bucket-missing') note('KEYS', 'PASSED')
  failed(note, 'BUCKET', problem.message)
}

function causeOf({ cause }: StoreError): { name: string; status: number | null } {
  const { name, $metadata } = (cause ?? {}) as { name?: string; $metadata?: { httpStatusCode?: number } }
  return { name: name ?? '', status: $metadata?.httpStatusCode ?? null }
}

/** An object of our own comes and goes. Repeated after a kill, it takes the one that was left for its own. */
async function tryObject(test: StoreTest, guard: AddressGuard, note: Note, signal: AbortSignal): Promise<void> {
  const key = `${test.source.prefix}.cahier-test-${test.operation}`
  const md5 = createHash('md5').update(CONTENT).digest('base64')
  const put = await problemOf(
    ask(test, guard, signal, (store) => store.put(key, { bytes: CONTENT, md5 }, {}, { absent: true })),
  )
  note('PUT', put ? 'FAILED' : 'PASSED', put?.message)
  if (put && put.kind !== 'unavailable') throw new CannotGoOn()
  if (!put) await tryReading(test, key, guard, note, signal)
  // Also after a put of which nobody heard how it ended.
  const left = await tryDeletion(test, key, guard, signal)
  if (left) note('DELETE', 'FAILED', put ? left : `${left} The object "${key}" is left in the bucket.`)
  else if (!put) note('DELETE', 'PASSED')
}

async function tryReading(test: StoreTest, key: string, guard: AddressGuard, note: Note, signal: AbortSignal) {
  let same = false
  const problem = await problemOf(
    ask(test, guard, signal, async (store) => {
      const object = await store.get(key, 0)
      same = object !== null && (await read(object.body)).equals(CONTENT)
    }),
  )
  if (problem) note('GET', 'FAILED', problem.message)
  else if (same) note('GET', 'PASSED')
  else note('GET', 'FAILED', 'The store answers something else than what was put.')
}

function read(body: Readable): Promise<Buffer> {
  return buffer(body).catch((cause: unknown) => {
    throw new StoreError('unavailable', `The store broke off what it answered: ${codeOf(cause) || String(cause)}.`)
  })
}

/** Why it is still there; null: it is gone. */
async function tryDeletion(test: StoreTest, key: string, guard: AddressGuard, signal: AbortSignal) {
  let message: string | null = null
  const problem = await problemOf(
    ask(test, guard, signal, async (store) => {
      const [failure] = await store.remove([key])
      if (failure) message = `${failure.message.replace(/\.$/, '')}.`
      else if (await store.head(key)) message = 'The store took the deletion, but still has the object.'
    }),
  )
  return problem ? problem.message : message
}
