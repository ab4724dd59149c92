/**
 * A gateway and a sign-in page on one http server on loopback, as the control plane has them, with people, notebooks and
 * time in a test's hands. Everything in it is closed with it.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { Vault } from '../../src/access/vault.ts'
import type { Clock } from '../../src/domain/clock.ts'
import type { Access, Viewer } from '../../src/gateway/admission.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import type { Route } from '../../src/gateway/routes.ts'
import { createSignIn } from '../../src/gateway/sign-in.ts'

export const NOTEBOOK = '11111111-1111-4111-8111-111111111111'
export const SIBLING = '22222222-2222-4222-8222-222222222222'
export const EDITOR_PORT = 8888

/** Time that passes only when a test says so. */
export class StillClock implements Clock {
  #now = Date.parse('2026-01-01T00:00:00Z')
  readonly #sleepers = new Set<{ until: number; wake: () => void }>()

  now = () => new Date(this.#now)
  random = () => 0.5

  sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const sleeper = { until: this.#now + ms, wake: () => resolve(void this.#sleepers.delete(sleeper)) }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', sleeper.wake, { once: true })
      if (signal.aborted) sleeper.wake()
    })

  pass(ms: number): void {
    this.#now += ms
    for (const sleeper of this.#sleepers) if (sleeper.until <= this.#now) sleeper.wake()
  }
}

/** Tokens and who may open what, changed at will. */
class People implements Access {
  /** The token's id by the token. */
  readonly tokens = new Map<string, string>()
  /** `<token id> <notebook id>` */
  readonly openings = new Set<string>()

  async viewerOf(token: string): Promise<Viewer | null> {
    const tokenId = this.tokens.get(token)
    return tokenId === undefined ? null : { tokenId }
  }

  async viewerOfTokenId(tokenId: string): Promise<Viewer | null> {
    return [...this.tokens.values()].includes(tokenId) ? { tokenId } : null
  }

  async mayOpen({ tokenId }: Viewer, notebookId: string): Promise<boolean> {
    return this.openings.has(`${tokenId} ${notebookId}`)
  }
}

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Call {
  host?: string
  path?: string
  method?: string
  headers?: Record<string, string>
  body?: string
}

export class World implements AsyncDisposable {
  readonly clock = new StillClock()
  readonly people = new People()
  readonly routes = new Map<string, Route>()
  readonly vault = new Vault(Buffer.alloc(32, 7))
  readonly #servers: Server[] = []
  #gateway: Gateway | undefined
  port = 0

  /** Ana may open NOTEBOOK with the token `cah_ana`; Bob, with `cah_bob`, may open SIBLING. */
  static async start(scheme: 'http' | 'https' = 'http'): Promise<World> {
    const world = new World()
    world.people.tokens.set('cah_ana', 'id-ana').set('cah_bob', 'id-bob')
    world.people.openings.add(`id-ana ${NOTEBOOK}`).add(`id-bob ${SIBLING}`)
    const server = createServer()
    world.port = await world.#listen(server)
    const parts = {
      routes: { routeOf: async (id: string) => world.routes.get(id) ?? null },
      access: world.people,
      vault: world.vault,
      editors: [{ id: 'jupyterlab', name: 'JupyterLab', port: EDITOR_PORT, readyPath: '/api' }],
      publicUrl: `${scheme}://localhost:${world.port}`,
      gatewayDomain: `notebooks.localhost:${world.port}`,
      clock: world.clock,
      logger: pino({ level: 'silent' }),
    }
    const gateway = createGateway(parts)
    const signIn = createSignIn(parts)
    world.#gateway = gateway
    server.on('request', (req, res) => (gateway.serves(req) ? gateway : signIn).handle(req, res))
    server.on('upgrade', gateway.upgrade)
    return world
  }

  get gateway(): Gateway {
    if (!this.#gateway) throw new Error('The world was not started.')
    return this.#gateway
  }

  hostOf(label: string): string {
    return `${label}.notebooks.localhost:${this.port}`
  }

  originOf(label: string): string {
    return `http://${this.hostOf(label)}`
  }

  get controlPlane(): string {
    return `localhost:${this.port}`
  }

  /** Puts a running notebook behind the gateway whose editor is `server`. */
  async run(notebookId: string, server: Server, change: Partial<Route> = {}): Promise<void> {
    const port = await this.#listen(server)
    this.routes.set(notebookId, {
      ...routeOf(notebookId),
      target: { host: '127.0.0.1', port, generation: 3 },
      ...change,
    })
  }

  /** Sends a request as it is, by default to NOTEBOOK and as Ana. */
  open({ host = this.hostOf(NOTEBOOK), path = '/', method = 'GET', headers }: Call = {}) {
    return request({
      host: '127.0.0.1',
      port: this.port,
      path,
      method,
      agent: false,
      headers: { host, ...(headers ?? { authorization: 'Bearer cah_ana' }) },
    })
  }

  async call(call: Call = {}): Promise<Reply> {
    const outgoing = this.open(call)
    outgoing.end(call.body)
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    return { status: answer.statusCode ?? 0, headers: answer.headers, text: await textOf(answer) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gateway?.close()
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  async #listen(server: Server): Promise<number> {
    this.#servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
}

export function routeOf(notebookId: string): Route {
  return {
    notebookId,
    name: 'quiet heron',
    editor: 'jupyterlab',
    publicAccess: false,
    state: 'RUNNING',
    phase: null,
    reason: null,
    message: null,
    target: null,
  }
}

export async function textOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) text += chunk
  return text
}

/** The first Set-Cookie of a reply as a browser would send it back. */
export function cookieOf(reply: Reply): string {
  return reply.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}
