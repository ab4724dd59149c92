/**
 * Streams of events that outlive their connection: when it breaks they connect again, for as long as it takes, and go on
 * after the last cursor, so that nothing is missed and no kept event comes twice.
 */
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { print } from 'graphql'
import type { Client as Socket } from 'graphql-ws'
import { backoff, pause } from './backoff.ts'
import { StreamError } from './errors.ts'

/** The closing code of a stream whose viewer lost access. */
const ACCESS_LOST = 4403

export interface Stream<Data, Item, Variables> {
  document: TypedDocumentNode<Data, Variables & { after?: string | null | undefined }>
  variables: Variables
  /** The item in an answer. */
  itemOf: (data: Data) => Item
}

export interface Follow {
  /** The cursor to go on after. */
  after: string
  signal?: AbortSignal | undefined
}

/** Ends when the server completes the stream, or on abort. Throws StreamError when it is refused or access is lost. */
export async function* follow<Data, Item extends { cursor: string }, Variables>(
  socket: Socket,
  { document, variables, itemOf }: Stream<Data, Item, Variables>,
  { after, signal }: Follow,
): AsyncGenerator<Item, undefined> {
  const query = print(document)
  let cursor = after
  let failures = 0
  while (!signal?.aborted) {
    const answers = socket.iterate<Data>({ query, variables: { ...variables, after: cursor } })
    const stop = () => void answers.return?.()
    signal?.addEventListener('abort', stop)
    try {
      for await (const { data, errors } of answers) {
        if (errors?.length) throw errors
        if (!data) continue
        const item = itemOf(data)
        cursor = item.cursor
        failures = 0
        yield item
      }
      return
    } catch (error) {
      throwIfFinal(error)
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    failures += 1
    await pause(backoff(failures, Math.random()), signal)
  }
}

/** Errors of the API are final unless they are the server's own fault; a broken connection is worth another attempt. */
function throwIfFinal(error: unknown): void {
  if (Array.isArray(error)) {
    const [first] = error as { message: string; extensions?: { code?: string } }[]
    const code = first?.extensions?.code ?? 'BAD_REQUEST'
    if (code !== 'INTERNAL') throw new StreamError(code, first?.message ?? 'The stream was refused.')
  }
  if (isClosing(error) && error.code === ACCESS_LOST)
    throw new StreamError('FORBIDDEN', 'You may not watch this: the token is not valid, or access was lost.')
  if (isClosing(error) && error.code === 4400) throw new StreamError('BAD_REQUEST', error.reason)
}

function isClosing(error: unknown): error is { code: number; reason: string } {
  return typeof error === 'object' && error !== null && 'code' in error && 'reason' in error
}
