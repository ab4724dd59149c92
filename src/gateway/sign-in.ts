/**
 * Where people sign in: a page of the control plane's origin that takes an API token, once a browser, and sends whoever has
 * shown one on to the notebook with a one-use code. Neither the token nor the session here is ever seen by a notebook.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { Vault } from '../access/vault.ts'
import type { Clock } from '../domain/clock.ts'
import type { Access, Viewer } from './admission.ts'
import { type Answer, send } from './answer.ts'
import { OriginCookie } from './cookies.ts'
import { readForm } from './form.ts'
import { type Address, GatewayDomain, isOwnRequest, parseLabel, splitUrl } from './origin.ts'
import * as pages from './pages.ts'
import { SESSION_SECONDS, Sessions } from './sessions.ts'

const AUDIENCE = 'control plane'

/** The page for signing in; with an address, for going on to it. */
export function signInUrl(domain: GatewayDomain, address: Address | null, to: string): string {
  const url = new URL('/sign-in', domain.controlPlane)
  if (address) url.search = new URLSearchParams({ notebook: address.label, to }).toString()
  return url.href
}

export interface SignInParts {
  access: Access
  vault: Vault
  publicUrl: string
  gatewayDomain: string
  clock: Clock
  logger: Logger
}

export interface SignIn {
  /** For `/sign-in` and what is below it, on the control plane's own Host. */
  handle(req: IncomingMessage, res: ServerResponse): void
}

export function createSignIn(parts: SignInParts): SignIn {
  const { access, clock, logger } = parts
  const domain = new GatewayDomain(parts.publicUrl, parts.gatewayDomain)
  const sessions = new Sessions(parts.vault, clock)
  const cookie = new OriginCookie('cahier-sign-in', domain.controlPlane)
  // Browsers hold a form's redirects to this too.
  const formAction = `'self' ${domain.everyOrigin}`

  async function viewerOf(req: IncomingMessage): Promise<Viewer | null> {
    const session = cookie.read(req)
    const tokenId = session && sessions.readSession(AUDIENCE, session)
    return tokenId ? access.viewerOfTokenId(tokenId) : null
  }

  /** On to the notebook with a code, if the viewer may open it. */
  async function sendOn(viewer: Viewer, wish: URLSearchParams, headers: Answer['headers']): Promise<Answer> {
    const address = parseLabel(wish.get('notebook') ?? '')
    if (!address || !(await access.mayOpen(viewer, address.notebookId)))
      return pages.signInForm(wish, 404, 'There is no such notebook, or it is not yours.')
    const url = new URL('/.cahier/session', domain.originOf(address))
    url.search = new URLSearchParams({
      code: sessions.issueCode(address.label, viewer.tokenId),
      to: wish.get('to') ?? '/',
    }).toString()
    return pages.redirect(url.href, headers)
  }

  async function show(req: IncomingMessage, wish: URLSearchParams): Promise<Answer> {
    const viewer = await viewerOf(req)
    if (!viewer) return pages.signInForm(wish)
    return wish.has('notebook') ? sendOn(viewer, wish, {}) : pages.signedIn()
  }

  async function begin(wish: URLSearchParams): Promise<Answer> {
    const viewer = await access.viewerOf(wish.get('token')?.trim() ?? '')
    if (!viewer) return pages.signInForm(wish, 403, 'This token is unknown, has expired or was revoked.')
    const headers = { 'Set-Cookie': cookie.set(sessions.issueSession(AUDIENCE, viewer.tokenId), SESSION_SECONDS) }
    return wish.has('notebook') ? sendOn(viewer, wish, headers) : pages.redirect(signInUrl(domain, null, '/'), headers)
  }

  async function answer(req: IncomingMessage): Promise<Answer> {
    const { path, query } = splitUrl(req.url ?? '/')
    if (req.method === 'GET' || req.method === 'HEAD')
      return path === '/sign-in' ? show(req, new URLSearchParams(query)) : pages.noSuchPage()
    if (req.method !== 'POST') return pages.badRequest('This page takes GET and POST.')
    if (!isOwnRequest(req, domain.controlPlane)) return pages.foreignOrigin()
    if (path === '/sign-in/end') return pages.redirect(signInUrl(domain, null, '/'), { 'Set-Cookie': cookie.cleared })
    const form = path === '/sign-in' ? await readForm(req) : null
    return form ? begin(form) : pages.badRequest('This is not the form of this page.')
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const given = await answer(req).catch((error: unknown) => {
      const requestId = randomUUID()
      logger.error({ err: error, requestId }, 'a sign-in failed')
      return pages.internal(requestId)
    })
    send(req, res, given, formAction)
  }

  return { handle: (req, res) => void handle(req, res) }
}
