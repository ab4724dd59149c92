/**
 * The one HTTP server. A request goes by its Host: to a notebook through the gateway, or to the control plane, which
 * answers `/graphql` (also over WebSocket), `/sign-in`, `/health` and `/ready`.
 */
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { GRAPHQL_PATH, type GraphqlApi } from '../api/yoga.ts'
import type { Readiness } from './readiness.ts'
import type { GraphqlSockets } from './websocket.ts'

/** How long what is under way may take to end. */
const GRACE_MS = 2_000

/** What passes requests on to notebooks. */
export interface Gateway {
  /** Whether a request is the gateway's, by its Host. */
  serves(req: IncomingMessage): boolean
  handle(req: IncomingMessage, res: ServerResponse): void
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Ends at once what is open between visitors and notebooks. */
  close(): void
}

/** The pages where people sign in: everything below `/sign-in`. */
interface SignIn {
  handle(req: IncomingMessage, res: ServerResponse): void
}

export interface ServerParts {
  api: GraphqlApi
  signIn: SignIn
  sockets: GraphqlSockets
  readiness: Readiness
  gateway: Gateway
  /** Origins whose pages may open WebSockets to the control plane, beside its own. */
  origins: readonly string[]
  log: Logger
}

export interface Server {
  /** Answers the port, which the system chooses when 0 was asked for. Rejects when it cannot be had. */
  listen(port: number, host: string): Promise<number>
  /** Takes no more, lets what is under way end for two seconds, then cuts it off. */
  close(): Promise<void>
}

export function createServer(parts: ServerParts): Server {
  const { gateway, sockets, log } = parts
  // An upload to a notebook may take as long as it likes; headers may not.
  const server = createHttpServer({ requestTimeout: 0 }, (req, res) => {
    if (gateway.serves(req)) gateway.handle(req, res)
    else void answer(parts, req, res)
  })
  server.on('upgrade', (req, socket, head) => {
    if (gateway.serves(req)) gateway.upgrade(req, socket, head)
    else upgrade(parts, req, socket, head)
  })
  return {
    async listen(port, host) {
      server.listen(port, host)
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      gateway.close()
      const cutOff = setTimeout(() => server.closeAllConnections(), GRACE_MS)
      await sockets.close(GRACE_MS)
      await closed
      clearTimeout(cutOff)
      log.debug('the server is closed')
    },
  }
}

async function answer(
  { api, signIn, readiness, log }: ServerParts,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const path = pathOf(req)
  try {
    if (path === '/sign-in' || path.startsWith('/sign-in/')) return signIn.handle(req, res)
    switch (path) {
      case GRAPHQL_PATH:
        await api(req, res)
        return
      case '/health':
        return sendJson(res, 200, { status: 'ok' })
      case '/ready': {
        const failing = await readiness.failing()
        const ready = failing.length === 0
        return sendJson(res, ready ? 200 : 503, { ready, failing, warnings: readiness.warnings })
      }
      default:
        return sendJson(res, 404, { message: `Nothing is here; the API is at ${GRAPHQL_PATH}.` })
    }
  } catch (error) {
    log.error({ err: error, url: req.url }, 'a request could not be answered')
    if (res.headersSent) res.destroy()
    else sendJson(res, 500, { message: 'Something went wrong on our side.' })
  }
}

function upgrade({ sockets, origins, log }: ServerParts, req: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', (error) => log.debug({ err: error }, 'an upgrade broke'))
  if (pathOf(req) !== GRAPHQL_PATH) refuse(socket, 404)
  else if (!isFromAllowedOrigin(req, origins)) refuse(socket, 403)
  else sockets.accept(req, socket, head)
}

/** Browsers name the page's origin; programs name none. A page of a notebook is not a page of ours. */
function isFromAllowedOrigin({ headers }: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = headers
  return origin === undefined || origins.includes(origin) || URL.parse(origin)?.host === host
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '/').split('?', 1)[0] as string
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body))
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
