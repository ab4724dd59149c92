/** The SDK on a real port: streams that outlive connections, and waiting for states. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ViewerDocument } from '../../src/sdk/generated/operations.ts'
import { serve } from './serving.ts'
import { collect, create, openSocket, WAY_DOWN, WAY_UP, word } from './streaming.ts'
import { type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

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
  // Also for who comes too late to see it happen.
  await expect(client.waitFor(id, 'RUNNING')).rejects.toThrow('The notebook is FAILED: The store refused the key.')
  await expect(client.waitUntilDeleted(id)).rejects.toThrow('The notebook is FAILED')
})

test('a token as a file holds it, with a line break at its end, is good for requests and for streams', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const { id } = await create(serving, owner, projectId)
  const client = serving.client({ ...owner, token: `${owner.token}\n` })
  const running = client.waitFor(id, 'RUNNING')
  await w.run(id)
  expect(await running).toMatchObject({ state: 'RUNNING' })
})

test('a stream completes with the deletion of its notebook', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  const items = serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor })
  const all = Array.fromAsync(items, word)
  await w.remove(notebook.id)
  expect((await all).slice(-2)).toEqual(['DELETING', 'NotebookDeleted'])
})

test('waiting for a deletion goes through STOPPED and resolves when the notebook is gone, not before', async () => {
  await using serving = await serve(w)
  const { owner, projectId } = await w.tenant()
  const notebook = await create(serving, owner, projectId)
  let isGone = false
  const gone = serving
    .client(owner)
    .waitUntilDeleted(notebook.id)
    .finally(() => {
      isGone = true
    })
  await expect.poll(() => serving.hub.subscribers).toBe(1)
  await w.move(notebook.id, 'STARTING', 'PULLING_DATA')
  const seen = collect(
    serving.client(owner).notebookEvents(notebook.id, { after: notebook.eventCursor }),
    'PULLING_DATA',
  )
  expect(await seen).toEqual(['PULLING_DATA'])
  expect(isGone).toBe(false)
  await w.remove(notebook.id)
  await gone
  await serving.client(owner).waitUntilDeleted(notebook.id)
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

test('a request without a token is answered 401, also through the SDK', async () => {
  await using serving = await serve(w)
  const stranger = { ...(await w.user()), token: 'cah_nobody' }
  await expect(serving.client(stranger).request(ViewerDocument, {})).rejects.toMatchObject({
    name: 'RequestError',
    status: 401,
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  })
})
