/**
 * Who may pass, judged alike for requests and for upgrades, and judged again every few seconds while a stream stays open.
 * A verdict about a token or a role is at most two seconds old.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../domain/clock.ts'
import { OriginCookie } from './cookies.ts'
import { Memo } from './memo.ts'
import { type Address, followsLink, type GatewayDomain, isOwnRequest } from './origin.ts'
import type { Route, Routes } from './routes.ts'
import { SESSION_SECONDS, type Sessions } from './sessions.ts'

const VERDICT_MS = 2_000

/** Someone known by an API token. */
export interface Viewer {
  readonly tokenId: string
}

/** What the gateway asks about people. */
export interface Access {
  /** Null when the token is unknown, expired or revoked. */
  viewerOf(token: string): Promise<Viewer | null>
  /** The same by the token's id, for sessions that began with it. */
  viewerOfTokenId(tokenId: string): Promise<Viewer | null>
  mayOpen(viewer: Viewer, notebookId: string): Promise<boolean>
}

/** `foreign`: a page of another origin made the request. `unknown`: no such notebook, or not the viewer's. */
export type Verdict = { kind: 'open'; route: Route } | { kind: 'unauthenticated' | 'foreign' | 'unknown' }

export class Admission {
  readonly #domain: GatewayDomain
  readonly #routes: Routes
  readonly #access: Access
  readonly #sessions: Sessions
  readonly #viewers: Memo<Viewer | null>
  readonly #openings: Memo<boolean>

  constructor(parts: { domain: GatewayDomain; routes: Routes; access: Access; sessions: Sessions; clock: Clock }) {
    this.#domain = parts.domain
    this.#routes = parts.routes
    this.#access = parts.access
    this.#sessions = parts.sessions
    this.#viewers = new Memo(parts.clock, VERDICT_MS)
    this.#openings = new Memo(parts.clock, VERDICT_MS)
  }

  async judge(req: IncomingMessage, address: Address): Promise<Verdict> {
    const token = bearerToken(req)
    // A token is brought on purpose; a cookie, or the mere place in a network, lends itself to any page.
    if (!token && !isOwnRequest(req, this.#domain.originOf(address)) && !followsLink(req)) return { kind: 'foreign' }
    const route = await this.#routes.routeOf(address.notebookId)
    if (route?.publicAccess && !token) return { kind: 'open', route }
    const viewer = token ? await this.#viewerByToken(token) : await this.#viewerBySession(req, address)
    if (!viewer) return { kind: 'unauthenticated' }
    const open = route !== null && (route.publicAccess || (await this.#mayOpen(viewer, route.notebookId)))
    return open ? { kind: 'open', route } : { kind: 'unknown' }
  }

  /** The Set-Cookie that turns a one-use code into a session of this address; null when the code is no good. */
  redeem(address: Address, code: string): string | null {
    const tokenId = this.#sessions.redeemCode(address.label, code)
    return tokenId && this.#cookie(address).set(this.#sessions.issueSession(address.label, tokenId), SESSION_SECONDS)
  }

  /** The Set-Cookie that ends the session of this address in this browser. */
  signOut(address: Address): string {
    return this.#cookie(address).cleared
  }

  #viewerByToken(token: string): Promise<Viewer | null> {
    const hash = createHash('sha256').update(token).digest('base64')
    return this.#viewers.get(`token ${hash}`, () => this.#access.viewerOf(token))
  }

  async #viewerBySession(req: IncomingMessage, address: Address): Promise<Viewer | null> {
    const session = this.#cookie(address).read(req)
    const tokenId = session && this.#sessions.readSession(address.label, session)
    return tokenId ? this.#viewers.get(`id ${tokenId}`, () => this.#access.viewerOfTokenId(tokenId)) : null
  }

  #mayOpen(viewer: Viewer, notebookId: string): Promise<boolean> {
    return this.#openings.get(`${viewer.tokenId} ${notebookId}`, () => this.#access.mayOpen(viewer, notebookId))
  }

  #cookie(address: Address): OriginCookie {
    return new OriginCookie('cahier-notebook', this.#domain.originOf(address))
  }
}

/** Cahier's own kind only: what an editor's pages put into this header for their server is no business of ours. */
function bearerToken(req: IncomingMessage): string | null {
  return /^bearer +(cah_\S+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? null
}
