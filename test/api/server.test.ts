/** The HTTP server: what goes where by Host and path, and how it closes. */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serve } from './serving.ts'
import { create, openSocket, SSE, serverSent, subscribe } from './streaming.ts'
import { type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

test('requests go by their Host to the gateway or to the control plane', async () => {
  await using serving = await serve(w)
  const bodyOf = async (path: string, host: string) => {
    const [response] = await once(get({ host: '127.0.0.1', port: serving.port, path, headers: { host } }), 'response')
    return String(Buffer.concat(await Array.fromAsync(response)))
  }
  expect(await bodyOf('/health', 'localhost')).toBe('{"status":"ok"}')
  expect(await bodyOf('/health', 'abc.notebooks.localhost:4000')).toBe('the gateway')
  expect(await bodyOf('/elsewhere', 'localhost')).toContain('Nothing is here')
})

test('readiness is 503 with the names of the parts that do not answer, health is 200 all the same', async () => {
  const checks = { database: async () => 'well', engine: () => Promise.reject(new Error('no such socket')) }
  await using serving = await serve(w, { checks })
  const ready = await fetch(`${serving.url}/ready`)
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, failing: ['engine'], warnings: [] }])
  expect((await fetch(`${serving.url}/health`)).status).toBe(200)
})

test('the server closes within seconds, with streams, idle sockets and half a request open', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const live = await openSocket(serving, owner)
  live.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: SSE, variables: { id: notebook.id } } }))
  const sent = serverSent(await subscribe(serving, owner, { id: notebook.id }))
  const cut = sent.next().then(
    () => 'ended',
    () => 'cut off',
  )
  const idle = connect(serving.port, '127.0.0.1')
  idle.write('POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{')
  idle.on('error', () => undefined)
  await expect.poll(() => serving.hub.subscribers).toBe(2)

  const startedAt = performance.now()
  const goodbye = once(live, 'close')
  await serving.close()
  expect((await goodbye)[0]).toBe(1001)
  await cut
  expect(performance.now() - startedAt).toBeLessThan(4000)
  await expect.poll(() => serving.hub.subscribers).toBe(0)
})
