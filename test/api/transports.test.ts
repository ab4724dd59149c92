/** Subscriptions on a real port: over server-sent events and over WebSocket, under the same rules. */
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { serve } from './serving.ts'
import { create, openSocket, refusalOf, serverSent, subscribe, WAY_UP, word } from './streaming.ts'
import { type User, uuidOf, type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

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
