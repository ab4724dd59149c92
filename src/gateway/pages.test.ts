import { afterEach, beforeEach, expect, test } from 'vitest'
import { NOTEBOOK, type Reply, routeOf, World } from '../../test/gateway/world.ts'
import type { Route } from './routes.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world[Symbol.asyncDispose]())

function visit(change: Partial<Route>, accept = 'text/html'): Promise<Reply> {
  world.routes.set(NOTEBOOK, { ...routeOf(NOTEBOOK), ...change })
  return world.call({ headers: { authorization: 'Bearer cah_ana', accept } })
}

test('a notebook that is on its way shows its state, phase and message, and looks again by itself', async () => {
  const reply = await visit({ state: 'STARTING', phase: 'PULLING_DATA', message: '3 of 9 files' })
  expect(reply.status).toBe(503)
  expect(reply.headers['retry-after']).toBe('2')
  expect(reply.text).toContain('<h1>quiet heron is starting</h1>')
  expect(reply.text).toContain('<dt>State</dt><dd>STARTING</dd>')
  expect(reply.text).toContain('<dt>Phase</dt><dd>Bringing its data (PULLING_DATA)</dd>')
  expect(reply.text).toContain('<dt>Message</dt><dd>3 of 9 files</dd>')
  expect(reply.text).toContain('<meta http-equiv="refresh" content="2">')
})

test('a settled notebook shows why', async () => {
  const reply = await visit({ state: 'FAILED', reason: 'EXITED', message: 'It ended with exit code 3.' })
  expect(reply.text).toContain('<h1>quiet heron failed</h1>')
  expect(reply.text).toContain('<dt>Reason</dt><dd>EXITED</dd>')
  expect(reply.text).not.toContain('<dt>Phase</dt>')
})

test('a program gets the same as JSON', async () => {
  const reply = await visit({ state: 'STARTING', phase: 'QUEUED', message: 'Second in line' }, '*/*')
  expect(reply.status).toBe(503)
  expect(JSON.parse(reply.text)).toEqual({
    code: 'INVALID_STATE',
    message: 'The notebook is starting.',
    state: 'STARTING',
    phase: 'QUEUED',
    reason: null,
    detail: 'Second in line',
  })
})

test('a running notebook without an address yet is no error', async () => {
  expect((await visit({ state: 'RUNNING' })).text).toContain('its editor has no address yet')
})

test('names and messages are text, whatever they look like', async () => {
  const reply = await visit({ state: 'ERROR', name: '</title><script>alert(1)</script>', message: `"'&<img src=x>` })
  expect(reply.text).not.toMatch(/<script|<img/)
  expect(reply.text).toContain('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(reply.text).toContain('&quot;&#39;&amp;&lt;img src=x&gt;')
})

test('our own pages are in no frame and no cache, and run nothing', async () => {
  const { headers } = await visit({ state: 'STOPPED' })
  expect(headers['content-security-policy']).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
  expect(headers).toMatchObject({
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
})

test('a HEAD gets the headers only', async () => {
  world.routes.set(NOTEBOOK, { ...routeOf(NOTEBOOK), state: 'STOPPED' })
  const reply = await world.call({ method: 'HEAD' })
  expect(reply).toMatchObject({ status: 503, text: '' })
  expect(Number(reply.headers['content-length'])).toBeGreaterThan(0)
})

test('a fault of ours is masked with an id', async () => {
  world.people.mayOpen = () => Promise.reject(new Error('password of the database: hunter2'))
  const reply = await visit({})
  expect(reply.status).toBe(500)
  expect(reply.text).toMatch(/on record as [0-9a-f-]{36}/)
  expect(reply.text).not.toContain('hunter2')
})
