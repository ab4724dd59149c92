/**
 * What becomes of a request: a way to the editor of a running notebook, or an answer of ours. The one place where that is
 * decided, for requests and upgrades alike.
 */
import type { IncomingMessage } from 'node:http'
import type { Editor } from '../domain/catalogue.ts'
import type { Admission } from './admission.ts'
import { type Answer, wantsPage } from './answer.ts'
import { type Address, followsLink, type GatewayDomain, isOwnRequest, localUrl, splitUrl } from './origin.ts'
import * as pages from './pages.ts'
import type { Target } from './routes.ts'
import { signInUrl } from './sign-in.ts'

export interface Way {
  address: Address
  target: Target
}

export class Entrance {
  readonly #domain: GatewayDomain
  readonly #admission: Admission
  readonly #editors: readonly Editor[]

  constructor(parts: { domain: GatewayDomain; admission: Admission; editors: readonly Editor[] }) {
    this.#domain = parts.domain
    this.#admission = parts.admission
    this.#editors = parts.editors
  }

  async decide(req: IncomingMessage): Promise<Way | Answer> {
    const address = this.#domain.addressOf(req.headers.host)
    if (!address) return pages.notFound(signInUrl(this.#domain, null, '/'))
    if (!req.url?.startsWith('/')) return pages.badRequest('The path of a request begins with a slash.')
    if (!['chunked', undefined].includes(req.headers['transfer-encoding']))
      return pages.badRequest('The only transfer encoding that is understood is "chunked".')
    const { path, query } = splitUrl(req.url)
    if (path === '/.cahier/session') return this.#beginSession(req, address, new URLSearchParams(query))
    if (path === '/.cahier/sign-out') return this.#endSession(req, address)
    return this.#wayTo(req, address)
  }

  async #wayTo(req: IncomingMessage, address: Address): Promise<Way | Answer> {
    const verdict = await this.#admission.judge(req, address)
    const signIn = () => signInUrl(this.#domain, address, req.url ?? '/')
    switch (verdict.kind) {
      case 'foreign':
        return pages.foreignOrigin()
      case 'unauthenticated':
        return pages.unauthenticated(mayBeSentOn(req) ? signIn() : null)
      case 'unknown':
        return pages.notFound(signIn())
      case 'open': {
        const { route } = verdict
        const editor = this.#editors.find(({ id }) => id === route.editor)
        if (address.port !== null && address.port !== editor?.port) return pages.portNotPublished(address.port)
        return route.target ? { address, target: route.target } : pages.notRunning(route)
      }
    }
  }

  #beginSession(req: IncomingMessage, address: Address, query: URLSearchParams): Answer {
    const to = localUrl(query.get('to'), this.#domain.originOf(address))
    // Another page may not sign its visitor in by an image or a script: what they did here would be somebody else's.
    const isMeant = isOwnRequest(req, this.#domain.originOf(address)) || followsLink(req)
    if (!isMeant) return pages.foreignOrigin()
    const cookie = req.method === 'GET' ? this.#admission.redeem(address, query.get('code') ?? '') : null
    // A code that was used or is too old may be a page that was loaded again; whoever has a session is let in with it.
    return pages.redirect(to, cookie ? { 'Set-Cookie': cookie } : {})
  }

  #endSession(req: IncomingMessage, address: Address): Answer {
    // A link from elsewhere is refused too: nobody else signs a visitor out.
    if (!isOwnRequest(req, this.#domain.originOf(address))) return pages.foreignOrigin()
    return pages.signedOut(signInUrl(this.#domain, null, '/'), this.#admission.signOut(address))
  }
}

/** A person at a browser, whom a redirect takes to the page for signing in and back. */
function mayBeSentOn(req: IncomingMessage): boolean {
  return wantsPage(req) && (req.method === 'GET' || req.method === 'HEAD') && req.headers.upgrade === undefined
}
