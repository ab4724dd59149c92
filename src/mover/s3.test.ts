/** How the store copes with servers that lack a part of S3: a scripted server on loopback. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AddressGuard } from './address.ts'
import { S3Store } from './s3.ts'
import { StoreError } from './store.ts'

interface Answer {
  status: number
  headers?: Record<string, string>
  body?: string
}

let server: Server
let store: S3Store
let requests: string[]
let answer: (request: IncomingMessage) => Answer

beforeEach(async () => {
  requests = []
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      requests.push(`${request.method} ${request.url?.split('&')[0]}`)
      const { status, headers = {}, body = '' } = answer(request)
      response.writeHead(status, headers).end(request.method === 'HEAD' ? '' : body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = {
    type: 'bucket' as const,
    endpoint: `http://${host}`,
    region: 'r',
    accessKeyId: 'a',
    secretAccessKey: 's',
    pathStyle: true,
    bucket: 'bucket',
    prefix: '',
  }
  store = new S3Store(source, new AddressGuard([host]), new AbortController().signal, {
    attempts: 2,
    firstPause: 1,
    longestPause: 1,
  })
})

afterEach(async () => {
  store.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const bytes = Buffer.from('content')
const body = { bytes, md5: createHash('md5').update(bytes).digest('base64') }

function refused(status: number, code: string): Answer {
  return { status, headers: { 'content-type': 'application/xml' }, body: `<Error><Code>${code}</Code></Error>` }
}

test('a store without conditional writes is written without, from the first 501 on', async () => {
  answer = ({ headers }) =>
    headers['if-none-match'] || headers['if-match']
      ? refused(501, 'NotImplemented')
      : { status: 200, headers: { etag: '"e"' } }
  expect(await store.put('k', body, {}, { absent: true })).toBe('e')
  expect(await store.put('k', body, {}, { etag: 'e' })).toBe('e')
  expect(requests).toEqual([
    'PUT /bucket/k?x-id=PutObject',
    'PUT /bucket/k?x-id=PutObject',
    'PUT /bucket/k?x-id=PutObject',
  ])
})

test('a store that cannot compare ETags is written without the condition, after a look', async () => {
  answer = ({ headers, method }) =>
    headers['if-match'] && method === 'PUT'
      ? refused(412, 'PreconditionFailed')
      : { status: 200, headers: { etag: '"e"' } }
  expect(await store.put('k', body, {}, { etag: 'e' })).toBe('e')
})

test('a condition that met another write is tried again, as a condition', async () => {
  const conditions: unknown[] = []
  answer = ({ headers }) => {
    conditions.push(headers['if-match'])
    return conditions.length === 1
      ? refused(409, 'ConditionalRequestConflict')
      : { status: 200, headers: { etag: '"f"' } }
  }
  expect(await store.put('k', body, {}, { etag: 'e' })).toBe('f')
  expect(conditions).toEqual([conditions[0], conditions[0]])
  expect(conditions[0]).toBeDefined()
})

test('a condition that does not hold is no error, and nothing is written', async () => {
  answer = ({ method }) =>
    method === 'PUT' ? refused(412, 'PreconditionFailed') : { status: 200, headers: { etag: '"other"' } }
  expect(await store.put('k', body, {}, { etag: 'e' })).toBeNull()
  expect(await store.put('k', body, {}, { absent: true })).toBeNull()
})

test('a store that refuses to delete many at once is asked one by one', async () => {
  answer = ({ method }) => (method === 'POST' ? refused(501, 'NotImplemented') : { status: 204 })
  expect(await store.remove(['a', 'b'])).toEqual([])
  expect(await store.remove(['c'])).toEqual([])
  expect(requests.map((request) => request.split(' ')[0])).toEqual(['POST', 'DELETE', 'DELETE', 'DELETE'])
})

test('keys come back as they are from the encoding of the listing, over pages', async () => {
  const page = (keys: string[], next: string) => ({
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<ListBucketResult><IsTruncated>${next !== ''}</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>${keys
      .map((key) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`)
      .join('')}</ListBucketResult>`,
  })
  answer = ({ url = '' }) =>
    url.includes('continuation-token')
      ? page(['%FF', 'z%00'], '')
      : page(['a+b', 'a%2Bb', 'a%20b%26%C3%A9%0A', 'plain'], 'more')
  const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key)
  expect(keys).toEqual(['a b', 'a+b', 'a b&é\n', 'plain', null, 'z\0'])
})

test('a redirect is not followed', async () => {
  answer = () => ({ status: 307, headers: { location: 'http://169.254.169.254/latest' }, body: '' })
  const head = store.head('k')
  await expect(head).rejects.toThrow(StoreError)
  await expect(head).rejects.toThrow('redirects are not followed')
  expect(requests).toHaveLength(1)
})

test('a page without what every listing says is no empty bucket', async () => {
  answer = () => ({ status: 200, headers: { 'content-type': 'application/xml' }, body: '' })
  const first = store.list('').next()
  await expect(first).rejects.toThrow('The store answered without a listing.')
})

test('a write whose ETag the store does not say is not taken for ours', async () => {
  answer = () => ({ status: 200 })
  expect(await store.put('k', body, {}, { absent: true })).toBeNull()
})
