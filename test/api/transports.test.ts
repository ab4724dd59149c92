/** The server on a real port: WebSocket, server-sent events, health, and how it closes. */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { StreamItem } from '../../src/sdk/client.ts'
import { unwrap } from '../../src/sdk/errors.ts'
import { CreateNotebookDocument, ViewerDocument } from '../../src/sdk/generated/operations.ts'
import { SMALL } from './documents.ts'
import { type Serving, serve } from './serving.ts'
import { type User, uuidOf, type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

async function create(serving: Serving, owner: User, projectId: string) {
  const { createNotebook } = await serving
    .client(owner)
    .request(CreateNotebookDocument, { input: { projectId, ...SMALL } })
  return unwrap(createNotebook)
}

/** An item in a few words. */
function word(item: StreamItem): string {
  if (item.__typename === 'StateChanged') return item.to
  if (item.__typename === 'PhaseChanged') return item.phase ?? ''
  return item.__typename
}

async function collect(items: AsyncIterable<StreamItem>, last: string): Promise<string[]> {
  const words: string[] = []
  for await (const item of items) {
    words.push(word(item))
    if (words.at(-1) === last) break
  }
  return words
}

const WAY_UP = ['PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER', 'RUNNING']
const WAY_DOWN = ['STOPPING', 'SAVING_WORKSPACE', 'PUSHING_DATA', 'STOPPED']

test('every state and phase change comes over WebSocket once and in order', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const seen = collect(serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor }), 'STOPPED')
  await w.run(notebook.id)
  await w.stop(notebook.id)
  expect(await seen).toEqual([...WAY_UP, ...WAY_DOWN])
})

test('a stream goes on where it was when the server is restarted in between', async () => {
  const before = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(before, owner, projectId)
  const items = before.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor })
  await w.move(notebook.id, 'STARTING', 'PULLING_DATA')
  expect((await items.next()).value).toMatchObject({ phase: 'PULLING_DATA' })

  await before.close()
  await w.move(notebook.id, 'STARTING', 'ALLOCATING')
  const next = items.next()
  await using _after = await serve(w, { port: before.port })
  expect((await next).value).toMatchObject({ phase: 'ALLOCATING' })
  await w.move(notebook.id, 'STARTING', 'PULLING_IMAGE')
  expect((await items.next()).value).toMatchObject({ phase: 'PULLING_IMAGE' })
  await items.return(undefined)
})

test('waiting for a state resolves with the notebook, and rejects with the reason when it ends elsewhere', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const { id } = await create(serving, owner, projectId)
  const client = serving.client(owner)
  const running = client.waitFor(id, 'RUNNING')
  await w.run(id)
  expect(await running).toMatchObject({ state: 'RUNNING' })

  const stopped = client.waitFor(id, 'STOPPED')
  const failure = expect(stopped).rejects.toThrow('The notebook is FAILED: The store refused the key.')
  await w.move(id, 'STOPPING', 'STOPPING_CONTAINER')
  await w.change(id, {
    to: { state: 'FAILED', phase: null, reason: 'DATA_ACCESS', message: 'The store refused the key.' },
  })
  await failure
})

test('a stream completes with the deletion of its notebook', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const items = serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor })
  const all = Array.fromAsync(items, word)
  const gone = serving.client(owner).waitUntilDeleted(notebook.id)
  await w.remove(notebook.id)
  expect((await all).slice(-2)).toEqual(['DELETING', 'NotebookDeleted'])
  await gone
})

test('a client that does not read delays nobody, and gets everything once it reads', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const stalled = await openSocket(serving, owner)
  const query = `subscription ($id: ID!, $after: EventCursor) {
    notebookEvents(notebookId: $id, after: $after) { ... on NotebookWarned { message } }
  }`
  const variables = { id: notebook.id, after: notebook.eventCursor }
  stalled.pause()
  stalled.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, variables } }))
  const reading = serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor })
  // More than the sockets' own buffers hold.
  const warning = { type: 'NotebookWarned', code: 'RETRYING', message: 'x'.repeat(100_000), dueAt: null } as const
  for (let batch = 0; batch < 4; batch += 1)
    await w.change(notebook.id, { events: Array.from({ length: 50 }, () => warning) })
  for (let read = 0; read < 200; read += 1) expect((await reading.next()).done).toBe(false)

  let received = 0
  const all = new Promise<void>((resolve) => {
    stalled.on('message', () => {
      received += 1
      if (received === 200) resolve()
    })
  })
  stalled.resume()
  await all
  stalled.terminate()
  await reading.return(undefined)
})

test('giving up on a wait rejects with the reason', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const { id } = await create(serving, owner, projectId)
  const abort = new AbortController()
  const waiting = serving.client(owner).waitFor(id, 'RUNNING', abort.signal)
  const rejected = expect(waiting).rejects.toThrow('no more patience')
  await expect.poll(() => serving.hub.subscribers).toBe(1)
  abort.abort(new Error('no more patience'))
  await rejected
  await expect.poll(() => serving.hub.subscribers).toBe(0)
})

test('who unsubscribes leaves nothing behind in the server', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const items = serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor })
  await w.move(notebook.id, 'STARTING', 'PULLING_DATA')
  await items.next()
  expect(serving.hub.subscribers).toBe(1)
  await items.return(undefined)
  await expect.poll(() => serving.hub.subscribers).toBe(0)
})

/** A response of server-sent events: its `data` lines, parsed, as they come. */
async function* serverSent(
  response: Response,
): AsyncGenerator<{ data: Record<string, StreamItem>; errors?: object[] }> {
  let text = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length))
  }
}

const SSE = `subscription ($id: ID!, $after: EventCursor) {
  notebookEvents(notebookId: $id, after: $after) {
    __typename ... on NotebookEvent { cursor } ... on StateChanged { to } ... on PhaseChanged { phase }
  }
}`

function subscribe(serving: Serving, { token }: User, variables: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${serving.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query: SSE, variables }),
    signal: signal ?? null,
  })
}

test('server-sent events carry the same stream and resume by `after`', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  await w.run(notebook.id)
  const words: string[] = []
  let cursor = notebook.eventCursor
  // A new connection for every event: each goes on after the last.
  while (words.at(-1) !== 'RUNNING') {
    const abort = new AbortController()
    const response = await subscribe(serving, owner, { id: notebook.id, after: cursor }, abort.signal)
    const first = (await serverSent(response).next()).value?.data.notebookEvents
    if (!first) throw new Error('the stream ended')
    words.push(word(first))
    cursor = first.cursor
    abort.abort()
  }
  expect(words).toEqual(WAY_UP)
  await expect.poll(() => serving.hub.subscribers).toBe(0)
})

async function revoke(user: User, projectId: string): Promise<void> {
  await w.database.$transaction([
    w.database.member.deleteMany({ where: { userId: user.id } }),
    w.database.project.update({ where: { id: uuidOf(projectId) }, data: { accessEpoch: { increment: 1 } } }),
  ])
}

test('a viewer who lost access gets nothing more: the WebSocket closes with 4403, the event stream with an error', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const guest = await w.join(projectId, 'READER')
  const notebook = await create(serving, owner, projectId)
  const items = serving.client(guest).notebookEvents(notebook.id, { after: notebook.eventCursor })
  const sent = serverSent(await subscribe(serving, guest, { id: notebook.id, after: notebook.eventCursor }))
  await w.move(notebook.id, 'STARTING', 'PULLING_DATA')
  expect((await items.next()).value).toMatchObject({ phase: 'PULLING_DATA' })
  expect((await sent.next()).value?.data).toMatchObject({ notebookEvents: { phase: 'PULLING_DATA' } })

  await revoke(guest, projectId)
  await w.move(notebook.id, 'STARTING', 'ALLOCATING')
  await expect(items.next()).rejects.toMatchObject({ name: 'StreamError', code: 'FORBIDDEN' })
  expect((await sent.next()).value).toMatchObject({ errors: [{ extensions: { code: 'FORBIDDEN' } }] })
  expect((await sent.next()).done).toBe(true)
  expect(w.logged).toEqual([])
})

test('access that is lost without any event is noticed within a second', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const guest = await w.join(projectId, 'READER')
  const notebook = await create(serving, owner, projectId)
  const items = serving.client(guest).notebookEvents(notebook.id, { after: notebook.eventCursor })
  const refused = expect(items.next()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  await expect.poll(() => serving.hub.subscribers).toBe(1)
  const lostAt = performance.now()
  await revoke(guest, projectId)
  await refused
  expect(performance.now() - lostAt).toBeLessThan(1500)
})

test('a WebSocket without a valid token is closed with 4403', async () => {
  await using serving = await serve(w)
  const socket = new WebSocket(`${serving.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: 'Bearer cah_nobody' } }))
  const [code] = await once(socket, 'close')
  expect(code).toBe(4403)
})

/** Kind, message and code of the answer to a subscription that is refused. */
async function refusalOf(socket: WebSocket, query: string, operationName?: string) {
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, operationName } }))
  const { type, payload } = JSON.parse(String((await once(socket, 'message'))[0]))
  const [{ message, extensions }] = type === 'error' ? payload : payload.errors
  return [message, extensions?.code]
}

async function openSocket(serving: Serving, { token }: User) {
  const socket = new WebSocket(`${serving.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }))
  expect(JSON.parse(String((await once(socket, 'message'))[0]))).toEqual({ type: 'connection_ack' })
  return socket
}

test('only subscriptions are served over WebSocket, under the same limits', async () => {
  await using serving = await serve(w)
  const socket = await openSocket(serving, await w.user())
  expect(await refusalOf(socket, '{ viewer { name } }')).toEqual([
    expect.stringContaining('Only subscriptions'),
    undefined,
  ])
  const deep = `notebook { project { ${'notebooks(first: 100) { edges { node { project { '.repeat(3)} id ${'} } } } '.repeat(3)} } }`
  const costly = `subscription { projectEvents(projectId: "x") { ... on NotebookEvent { ${deep} } } }`
  expect(await refusalOf(socket, costly)).toEqual([expect.stringContaining('too much at once'), 'TOO_COMPLEX'])
  expect(await refusalOf(socket, 'subscription { projectEvents(projectId: "x") { __typename } }')).toEqual([
    'There is no such project, or it is not yours.',
    'NOT_FOUND',
  ])
  socket.terminate()
})

test('the costly operation cannot hide behind a cheap one of the same document', async () => {
  await using serving = await serve(w)
  const socket = await openSocket(serving, await w.user())
  const deep = `notebook { project { ${'notebooks(first: 100) { edges { node { project { '.repeat(3)} id ${'} } } } '.repeat(3)} } }`
  const query = `subscription Cheap { projectEvents(projectId: "x") { __typename } }
    subscription Costly { projectEvents(projectId: "x") { ... on NotebookEvent { ${deep} } } }`
  expect(await refusalOf(socket, query, 'Costly')).toEqual([expect.any(String), 'TOO_COMPLEX'])
  socket.terminate()
})

test('a page of a notebook, or of anyone else, cannot open a WebSocket to the control plane', async () => {
  await using serving = await serve(w)
  const open = async (origin?: string) => {
    const socket = new WebSocket(`${serving.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      ...(origin ? { origin } : {}),
    })
    return new Promise<string>((resolve) => {
      socket.on('open', () => {
        socket.terminate()
        resolve('open')
      })
      socket.on('error', ({ message }) => resolve(message))
    })
  }
  expect(await open()).toBe('open')
  expect(await open(serving.url)).toBe('open')
  expect(await open('https://cahier.example.com')).toBe('open')
  expect(await open('http://d9b1.notebooks.localhost:4000')).toContain('403')
  expect(await open('null')).toContain('403')
})

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
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, failing: ['engine'] }])
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
  expect(serving.hub.subscribers).toBe(0)
})

test('a request without a token is answered 401, also through the SDK', async () => {
  await using serving = await serve(w)
  const stranger = { ...(await w.user()), token: 'cah_nobody' }
  await expect(serving.client(stranger).request(ViewerDocument, {})).rejects.toMatchObject({
    name: 'RequestError',
    status: 401,
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  })
})
