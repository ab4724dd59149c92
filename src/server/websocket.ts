/**
 * Subscriptions over WebSocket (graphql-transport-ws); queries and mutations go over HTTP. The next event is pulled when
 * the last one has left, so a client that does not read costs what one event takes; one that only writes is cut off.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import { type Context as Connection, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws'
import type { Logger } from 'pino'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { authenticate } from '../access/tokens.ts'
import { MAX_REQUEST_BYTES } from '../api/limits.ts'
import type { GraphqlApi } from '../api/yoga.ts'
import { AccessLostError } from '../events/streams.ts'
import type { Database } from '../store/database.ts'

const KEEP_ALIVE_MS = 12_000
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024
const MAX_SUBSCRIPTIONS = 100

/** Close codes of the protocol, beside the standard's 1001 (going away) and 1011 (a fault of ours). */
const FORBIDDEN = 4403

export interface WebSocketParts {
  api: GraphqlApi
  database: Database
  log: Logger
}

/** What graphql-ws keeps beside each connection. */
interface Extra {
  socket: WebSocket
}

export class GraphqlSockets {
  readonly #log: Logger
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_REQUEST_BYTES,
    handleProtocols,
    autoPong: false,
  })
  readonly #protocol

  constructor({ api, database, log }: WebSocketParts) {
    this.#log = log
    this.#protocol = makeServer<Record<string, unknown>, Extra>({
      onConnect: async ({ connectionParams }) => (await authenticate(database, tokenOf(connectionParams))) !== null,
      onSubscribe: (connection, _id, payload) => prepare(api, connection, payload),
      subscribe: (args) => operationOf(args).subscribe(args),
      onError({ extra }, _id, _payload, errors) {
        if (errors.some(isAccessLost)) extra.socket.close(FORBIDDEN, 'Forbidden')
      },
    })
  }

  /** Takes over the connection of an upgrade request. */
  accept(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(req, socket, head, (accepted) => this.#open(accepted))
  }

  /** Asks all clients to come again; what has not closed after `graceMs` is cut off. */
  async close(graceMs: number): Promise<void> {
    const closed = [...this.#sockets.clients].map(
      (socket) => new Promise((resolve) => socket.once('close', resolve).close(1001, 'Going away')),
    )
    const cutOff = setTimeout(() => {
      for (const socket of this.#sockets.clients) socket.terminate()
    }, graceMs)
    await Promise.all(closed)
    clearTimeout(cutOff)
  }

  #open(socket: WebSocket): void {
    const closed = this.#protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => this.#send(socket, text),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) => socket.on('message', (data) => void this.#receive(socket, data, handle)),
      },
      { socket },
    )
    const stopPings = keepAlive(socket)
    socket.on('error', (error) => this.#log.debug({ err: error }, 'a WebSocket broke'))
    socket.on('close', (code, reason) => {
      stopPings()
      closed(code, String(reason)).catch((error: unknown) =>
        this.#log.error({ err: error }, 'a subscription did not end well'),
      )
    })
  }

  async #receive(socket: WebSocket, data: RawData, handle: (text: string) => Promise<void>): Promise<void> {
    try {
      await handle(String(data))
    } catch (error) {
      this.#log.error({ err: error }, 'a WebSocket message could not be handled')
      socket.close(1011, 'Internal error')
    }
  }

  /** Resolves when the text has left this process. */
  #send(socket: WebSocket, text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (socket.readyState !== WebSocket.OPEN || hasTooMuchBuffered(socket)) resolve()
    // A socket that broke meanwhile closes, and that ends its subscriptions.
    else socket.send(text, () => resolve())
    return promise
  }
}

function tokenOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return typeof params?.authorization === 'string' ? params.authorization : undefined
}

/** The operation in the API's own pipeline. */
type Operation = ReturnType<GraphqlApi['getEnveloped']>

function operationOf({ rootValue }: ExecutionArgs): Operation {
  return rootValue as Operation
}

async function prepare(
  api: GraphqlApi,
  { connectionParams, subscriptions }: Connection<Record<string, unknown>, Extra>,
  { query, variables, operationName }: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  if (Object.keys(subscriptions).length > MAX_SUBSCRIPTIONS)
    return [new GraphQLError(`A connection can hold at most ${MAX_SUBSCRIPTIONS} subscriptions.`)]
  const operation = api.getEnveloped({ authorization: tokenOf(connectionParams) })
  try {
    const document = operation.parse(query)
    const errors = operation.validate(operation.schema, document)
    if (errors.length > 0) return errors
    if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION)
      return [new GraphQLError('Only subscriptions are served over WebSocket; send queries and mutations over HTTP.')]
    return {
      schema: operation.schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables ?? null,
      contextValue: await operation.contextFactory(),
      rootValue: operation,
    }
  } catch (error) {
    if (error instanceof GraphQLError) return [error]
    throw error
  }
}

function isAccessLost(error: unknown): boolean {
  if (error instanceof AccessLostError) return true
  return error instanceof GraphQLError && isAccessLost(error.originalError)
}

/** Cuts off whoever writes without reading: answers to that pile up. */
function hasTooMuchBuffered(socket: WebSocket): boolean {
  if (socket.bufferedAmount <= MAX_BUFFERED_BYTES) return false
  socket.terminate()
  return true
}

/** Answers pings, sends some, and cuts off a peer that answers none. Returns what ends it. */
function keepAlive(socket: WebSocket): () => void {
  let isAlive = true
  socket.on('pong', () => {
    isAlive = true
  })
  socket.on('ping', (data) => {
    if (!hasTooMuchBuffered(socket)) socket.pong(data)
  })
  const timer = setInterval(() => {
    if (!isAlive) socket.terminate()
    else if (socket.readyState === WebSocket.OPEN) socket.ping()
    isAlive = false
  }, KEEP_ALIVE_MS)
  return () => clearInterval(timer)
}
