/** Ways to watch a notebook from outside: through the SDK, over server-sent events, over a bare WebSocket. */
import { once } from 'node:events'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import type { StreamItem } from '../../src/sdk/client.ts'
import { unwrap } from '../../src/sdk/errors.ts'
import { CreateNotebookDocument } from '../../src/sdk/generated/operations.ts'
import { SMALL } from './documents.ts'
import type { Serving } from './serving.ts'
import type { User } from './world.ts'

export async function create(serving: Serving, owner: User, projectId: string) {
  const { createNotebook } = await serving
    .client(owner)
    .request(CreateNotebookDocument, { input: { projectId, ...SMALL } })
  return unwrap(createNotebook)
}

/** An item in a few words. */
export function word(item: StreamItem): string {
  if (item.__typename === 'StateChanged') return item.to
  if (item.__typename === 'PhaseChanged') return item.phase ?? ''
  return item.__typename
}

export async function collect(items: AsyncIterable<StreamItem>, last: string): Promise<string[]> {
  const words: string[] = []
  for await (const item of items) {
    words.push(word(item))
    if (words.at(-1) === last) break
  }
  return words
}

export const WAY_UP = ['PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER', 'RUNNING']
export const WAY_DOWN = ['STOPPING', 'SAVING_WORKSPACE', 'PUSHING_DATA', 'STOPPED']

/** A response of server-sent events: its `data` lines, parsed, as they come. */
export async function* serverSent(
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

export const SSE = `subscription ($id: ID!, $after: EventCursor) {
  notebookEvents(notebookId: $id, after: $after) {
    __typename ... on NotebookEvent { cursor } ... on StateChanged { to } ... on PhaseChanged { phase }
  }
}`

export function subscribe(
  serving: Serving,
  { token }: User,
  variables: object,
  signal?: AbortSignal,
): Promise<Response> {
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

/** Kind, message and code of the answer to a subscription that is refused. */
export async function refusalOf(socket: WebSocket, query: string, operationName?: string) {
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query, operationName } }))
  const { type, payload } = JSON.parse(String((await once(socket, 'message'))[0]))
  const [{ message, extensions }] = type === 'error' ? payload : payload.errors
  return [message, extensions?.code]
}

export async function openSocket(serving: Serving, { token }: User) {
  const socket = new WebSocket(`${serving.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }))
  expect(JSON.parse(String((await once(socket, 'message'))[0]))).toEqual({ type: 'connection_ack' })
  return socket
}
