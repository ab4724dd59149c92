/**
 * The way to a notebook: finds it by its Host, lets in who may open it, and passes requests and WebSockets on to its
 * editor. Whoever may not, or comes while it does not run, gets an answer of ours. Nothing that identifies a visitor to
 * Cahier goes further than this.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { Vault } from '../access/vault.ts'
import type { Editor } from '../domain/catalogue.ts'
import type { Clock } from '../domain/clock.ts'
import { type Access, Admission } from './admission.ts'
import { type Answer, responseOn, send } from './answer.ts'
import { isTrustworthy } from './cookies.ts'
import { Entrance, type Way } from './entrance.ts'
import { forward, notebookConnections, type Passage } from './forward.ts'
import { GatewayDomain } from './origin.ts'
import * as pages from './pages.ts'
import type { Routes, Target } from './routes.ts'
import { Sessions } from './sessions.ts'
import { OpenStreams } from './streams.ts'
import { tunnel } from './tunnel.ts'

export interface GatewayParts {
  routes: Routes
  access: Access
  vault: Vault
  /** Of the catalogue, with the port on which each listens inside its notebook. */
  editors: readonly Editor[]
  publicUrl: string
  /** With the port where it is not the scheme's own, e.g. `notebooks.localhost:4000`. */
  gatewayDomain: string
  clock: Clock
  logger: Logger
}

export interface Gateway {
  /** Whether a request is the gateway's, by its Host. All others are the control plane's, and none of these. */
  serves(req: IncomingMessage): boolean
  handle(req: IncomingMessage, res: ServerResponse): void
  /** For the http server's event of that name. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Ends at once what is open between visitors and notebooks. Idle connections of visitors are the server's to end. */
  close(): void
}

export function createGateway(parts: GatewayParts): Gateway {
  const { vault, clock, logger } = parts
  const domain = new GatewayDomain(parts.publicUrl, parts.gatewayDomain)
  const admission = new Admission({ ...parts, domain, sessions: new Sessions(vault, clock) })
  const entrance = new Entrance({ domain, admission, editors: parts.editors })
  const streams = new OpenStreams(clock, logger)
  const connections = notebookConnections()
  if (!isTrustworthy(new URL(domain.everyOrigin.replace('*', 'notebook'))))
    logger.warn(
      'Notebooks are served in clear beyond this machine: sessions in them can be read, and replaced by siblings.',
    )

  /** Lists what is about to open, until it closes. */
  function watch(req: IncomingMessage, stream: ServerResponse | Socket, { address }: Way): void {
    const forget = streams.add({
      stillAllowed: async () => (await admission.judge(req, address)).kind === 'open',
      cut: () => stream.destroy(),
    })
    stream.on('close', forget)
  }

  /** Targets are kept with their routes; so are the tokens that follow from them. */
  const tokens = new WeakMap<Target, string>()
  function tokenOf({ address: { notebookId }, target }: Way): string {
    const token = tokens.get(target) ?? vault.derive(`editor:${notebookId}:${target.generation}`)
    tokens.set(target, token)
    return token
  }

  function passageTo(way: Way, req: IncomingMessage): Passage {
    const { address, target } = way
    return {
      target,
      token: tokenOf(way),
      scheme: domain.scheme,
      logger,
      unreachable(res, error) {
        logger.warn({ err: error, notebookId: address.notebookId }, 'an editor did not answer')
        send(req, res, pages.unreachable())
      },
    }
  }

  function faultOf(error: unknown): Answer {
    const requestId = randomUUID()
    logger.error({ err: error, requestId }, 'a request to the gateway failed')
    return pages.internal(requestId)
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const way = await entrance.decide(req).catch(faultOf)
    if ('status' in way) return send(req, res, way)
    watch(req, res, way)
    forward(req, res, connections, passageTo(way, req))
  }

  async function upgrade(req: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on('error', (error) => logger.debug({ err: error }, 'a WebSocket of a visitor broke'))
    const way =
      req.headers.upgrade?.toLowerCase() === 'websocket'
        ? await entrance.decide(req).catch(faultOf)
        : pages.badRequest('Only WebSockets are upgraded here.')
    if ('status' in way) return send(req, responseOn(socket, req), way)
    watch(req, socket, way)
    tunnel(req, socket, head, passageTo(way, req))
  }

  return {
    serves: (req) => domain.serves(req.headers.host),
    handle: (req, res) => void handle(req, res),
    // An http server over TCP or TLS hands over its sockets, whatever its types say.
    upgrade: (req, socket, head) => void upgrade(req, socket as Socket, head),
    close() {
      streams.close()
      connections.destroy()
    },
  }
}
