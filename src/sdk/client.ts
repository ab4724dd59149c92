/**
 * The client of the API for TypeScript: typed operations over HTTP, and live events that resume by themselves. Runs in
 * browsers and in Node 22 or newer.
 */
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import { createClient as createSocket } from 'graphql-ws'
import { type AnswerError, RequestError } from './errors.ts'
import {
  NotebookDocument,
  NotebookEventsDocument,
  type NotebookEventsSubscription,
  type NotebookQuery,
  type NotebookState,
  ProjectDocument,
  ProjectEventsDocument,
} from './generated/operations.ts'
import { follow } from './live.ts'

export type StreamItem = NotebookEventsSubscription['notebookEvents']
export type Notebook = NonNullable<NotebookQuery['notebook']>

export interface ClientOptions {
  /** Where the control plane answers, e.g. `http://localhost:4000`. */
  url: string
  /** An API token, `cah_…`. */
  token: string
  fetch?: typeof fetch
  /** A WebSocket class, where there is no global one. */
  webSocket?: typeof WebSocket
}

export interface Watch {
  /** A cursor to go on after; the present unless given. */
  after?: string | undefined
  signal?: AbortSignal | undefined
}

/** The notebook came to rest in another state than the one that was waited for, or was deleted. */
export class NotebookEndedError extends Error {
  override readonly name = 'NotebookEndedError'
  readonly state: NotebookState | null
  constructor(state: NotebookState | null, message: string) {
    super(message)
    this.state = state
  }
}

export interface Client {
  /** Throws RequestError. What a mutation refuses is in its result; see `unwrap`. */
  request<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data>
  /** Ends after NotebookDeleted. Throws StreamError when refused, or when access is lost. */
  notebookEvents(notebookId: string, watch?: Watch): AsyncGenerator<StreamItem, undefined>
  projectEvents(projectId: string, watch?: Watch): AsyncGenerator<StreamItem, undefined>
  /**
   * Resolves with the notebook once it is, or has passed through, the state. Throws NotebookEndedError when it comes to rest
   * in another one.
   */
  waitFor(notebookId: string, state: NotebookState, signal?: AbortSignal): Promise<Notebook>
  /** Resolves once the notebook is gone. Throws NotebookEndedError when it ends in FAILED or ERROR instead. */
  waitUntilDeleted(notebookId: string, signal?: AbortSignal): Promise<void>
  /** Ends all streams. */
  close(): Promise<void>
}

export function createClient(options: ClientOptions): Client {
  const { fetch: send = fetch } = options
  // A token read from a file ends in a line break, which a header would lose and a socket would not.
  const token = options.token.trim()
  const endpoint = new URL('/graphql', options.url)
  const authorization = `Bearer ${token}`
  const socket = createSocket({
    url: endpoint.href.replace(/^http/, 'ws'),
    connectionParams: { authorization },
    // Streams connect again by themselves, after another cursor each time.
    retryAttempts: 0,
    ...(options.webSocket ? { webSocketImpl: options.webSocket } : {}),
  })

  async function request<Data, Variables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data> {
    const response = await send(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
      body: JSON.stringify({ query: print(document), variables }),
      signal: signal ?? null,
    })
    const answer = await readAnswer<Data>(response)
    if (answer.errors?.length || !answer.data) throw new RequestError(response.status, answer.errors ?? [])
    return answer.data
  }

  /** Null: not there, or not yours. */
  async function look(notebookId: string, signal?: AbortSignal): Promise<Notebook | null> {
    return (await request(NotebookDocument, { id: notebookId }, signal)).notebook
  }

  async function find(notebookId: string, signal?: AbortSignal): Promise<Notebook> {
    const notebook = await look(notebookId, signal)
    if (!notebook) throw new NotebookEndedError(null, 'There is no such notebook, or it is not yours.')
    return notebook
  }

  async function* notebookEvents(notebookId: string, { after, signal }: Watch = {}) {
    const cursor = after ?? (await find(notebookId, signal)).eventCursor
    const stream = { document: NotebookEventsDocument, variables: { notebookId } }
    return yield* follow(socket, { ...stream, itemOf: (data) => data.notebookEvents }, { after: cursor, signal })
  }

  async function* projectEvents(projectId: string, { after, signal }: Watch = {}) {
    const cursor = after ?? (await request(ProjectDocument, { id: projectId }, signal)).project?.eventCursor
    if (!cursor) throw new Error('There is no such project, or it is not yours.')
    const stream = { document: ProjectEventsDocument, variables: { projectId } }
    return yield* follow(socket, { ...stream, itemOf: (data) => data.projectEvents }, { after: cursor, signal })
  }

  /** Every state that the notebook enters from now on, up to its deletion. Throws on abort. */
  async function* states({ id, eventCursor }: Notebook, signal?: AbortSignal): AsyncGenerator<NotebookState> {
    for await (const item of notebookEvents(id, { after: eventCursor, signal })) {
      if (item.__typename === 'NotebookDeleted') return
      if (item.__typename === 'StateChanged') yield item.to
      if (item.__typename !== 'StreamReset') continue
      const present = await look(id, signal)
      if (!present) return
      yield present.state
    }
    throw signal?.reason ?? new Error('The stream of events ended.')
  }

  async function ended(notebookId: string, state: NotebookState, signal?: AbortSignal): Promise<NotebookEndedError> {
    const message = (await look(notebookId, signal))?.message
    return new NotebookEndedError(state, `The notebook is ${state}${message ? `: ${message}` : '.'}`)
  }

  return {
    request,
    notebookEvents,
    projectEvents,
    async waitFor(notebookId, state, signal) {
      const notebook = await find(notebookId, signal)
      if (notebook.state === state) return notebook
      if (RESTS.has(notebook.state)) throw await ended(notebookId, notebook.state, signal)
      for await (const now of states(notebook, signal)) {
        if (now === state) return find(notebookId, signal)
        if (RESTS.has(now)) throw await ended(notebookId, now, signal)
      }
      throw new NotebookEndedError(null, 'The notebook was deleted.')
    },
    async waitUntilDeleted(notebookId, signal) {
      const notebook = await look(notebookId, signal)
      if (!notebook) return
      if (FAILURES.has(notebook.state)) throw await ended(notebookId, notebook.state, signal)
      for await (const now of states(notebook, signal))
        if (FAILURES.has(now)) throw await ended(notebookId, now, signal)
    },
    async close() {
      await socket.dispose()
    },
  }
}

/** The states in which a notebook stays until someone wishes otherwise. One that is deleted passes through STOPPED. */
const RESTS: ReadonlySet<NotebookState> = new Set(['STOPPED', 'FAILED', 'ERROR'])
const FAILURES: ReadonlySet<NotebookState> = new Set(['FAILED', 'ERROR'])

interface Answer<Data> {
  data?: Data | null
  errors?: AnswerError[]
}

/** What answered may be a proxy's page instead of the API; then there is nothing in it. */
async function readAnswer<Data>(response: Response): Promise<Answer<Data>> {
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  return isJson ? ((await response.json()) as Answer<Data>) : {}
}
