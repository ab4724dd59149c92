/**
 * Cookies, ours and a notebook's. Ours are all named `cahier-…` and never reach a container; a container's never leave its
 * own origin.
 */
import type { IncomingMessage } from 'node:http'

const OURS = /^(?:__Host-)?cahier-/

/** A cookie of one origin, out of reach of scripts and of requests that other sites make. */
export class OriginCookie {
  readonly #name: string
  readonly #attributes: string

  /** Elsewhere than over https or on this machine it goes without the prefix, because browsers would refuse it. */
  constructor(name: `cahier-${string}`, origin: string) {
    const secure = isTrustworthy(new URL(origin))
    this.#name = secure ? `__Host-${name}` : name
    this.#attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  }

  read(req: IncomingMessage): string | null {
    for (const pair of pairsOf(req.headers.cookie)) {
      const [name, value] = split(pair)
      if (name === this.#name) return value
    }
    return null
  }

  /** The value of a Set-Cookie header. `value` must need no quoting. */
  set(value: string, maxAgeSeconds: number): string {
    return `${this.#name}=${value}; Max-Age=${maxAgeSeconds}${this.#attributes}`
  }

  get cleared(): string {
    return this.set('', 0)
  }
}

/** Where browsers take cookies marked Secure, and so the prefix that keeps siblings out. */
export function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /(^|\.)localhost$|^127\.|^\[::1\]$/.test(hostname)
}

/** A Cookie header without ours; undefined when nothing is left. */
export function withoutOurs(cookie: string | undefined): string | undefined {
  return (
    pairsOf(cookie)
      .filter((pair) => !OURS.test(split(pair)[0]))
      .join('; ') || undefined
  )
}

/** A container's Set-Cookie, bound to its own origin; null when it would replace one of ours. */
export function boundToOrigin(setCookie: string): string | null {
  const [pair = '', ...attributes] = setCookie.split(';')
  if (OURS.test(split(pair)[0])) return null
  return [pair, ...attributes.filter((attribute) => split(attribute)[0].toLowerCase() !== 'domain')].join(';')
}

function pairsOf(cookie: string | undefined): string[] {
  return cookie === undefined ? [] : cookie.split(';').map((pair) => pair.trim())
}

function split(pair: string): [name: string, value: string] {
  const at = pair.indexOf('=')
  return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()]
}
