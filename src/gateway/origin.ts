/**
 * Which notebook a Host names, and which origins may speak to it. Every notebook has an origin of its own, and so has every
 * port in it; to the gateway two notebooks are as foreign to each other as the rest of the web, though browsers call them
 * one site.
 */
import type { IncomingMessage } from 'node:http'

const LABEL = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-([1-9]\d{0,4}))?$/
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A notebook, or one port in it. */
export interface Address {
  notebookId: string
  /** Null: the editor. */
  port: number | null
  /** What stands before the gateway's domain: `<uuid>` or `<uuid>-<port>`, in lower case. */
  label: string
}

/** Null when the text is neither `<uuid>` nor `<uuid>-<port>`. */
export function parseLabel(text: string): Address | null {
  const label = text.toLowerCase()
  const [, notebookId, port] = LABEL.exec(label) ?? []
  if (!notebookId || Number(port ?? 0) > 65_535) return null
  return { notebookId, port: port ? Number(port) : null, label }
}

export class GatewayDomain {
  /** With scheme and port, as browsers write it in `Origin`. */
  readonly controlPlane: string
  readonly #scheme: string
  readonly #domain: string
  readonly #suffix: string
  readonly #controlPlaneName: string

  constructor(publicUrl: string, gatewayDomain: string) {
    const url = new URL(publicUrl)
    this.controlPlane = url.origin
    this.#controlPlaneName = url.hostname
    this.#scheme = url.protocol
    this.#domain = new URL(`${url.protocol}//${gatewayDomain}`).host
    this.#suffix = `.${nameOf(this.#domain)}`
  }

  /** Whether the Host lies in the gateway's domain, with or without its port, a notebook's or not. */
  serves(host: string | undefined): boolean {
    const name = nameOf(host ?? '')
    return name.endsWith(this.#suffix) && name !== this.#controlPlaneName
  }

  /** Null when the Host names no notebook. */
  addressOf(host: string | undefined): Address | null {
    if (!this.serves(host)) return null
    return parseLabel(nameOf(host ?? '').slice(0, -this.#suffix.length))
  }

  originOf(address: Address): string {
    return `${this.#scheme}//${address.label}.${this.#domain}`
  }

  /** All origins of notebooks, as a source of a Content-Security-Policy. */
  get everyOrigin(): string {
    return `${this.#scheme}//*.${this.#domain}`
  }

  /** The scheme that people use, which a TLS proxy before us may have taken off. */
  get scheme(): string {
    return this.#scheme.slice(0, -1)
  }
}

/** A Host without its port and the dot of a fully qualified name. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
}

/**
 * Whether a request was made by a page of this very origin, or by the person at the browser. What a browser adds by itself,
 * a cookie for one, is to be trusted on such a request only.
 */
export function isOwnRequest(req: IncomingMessage, origin: string): boolean {
  const from = req.headers.origin
  const site = req.headers['sec-fetch-site']
  if (from !== undefined && from !== origin) return false
  return site === undefined || site === 'same-origin' || site === 'none'
}

/** Whether someone follows a link: the only thing that a page of another origin may make a browser do here. */
export function followsLink(req: IncomingMessage): boolean {
  const { origin, upgrade } = req.headers
  const navigates = req.headers['sec-fetch-mode'] === 'navigate' && req.headers['sec-fetch-dest'] === 'document'
  return navigates && SAFE_METHODS.has(req.method ?? '') && origin === undefined && upgrade === undefined
}

/** Path and query of a request's URL as they were sent; to URL a path such as `//x` would name another host. */
export function splitUrl(url: string): { path: string; query: string } {
  const at = url.indexOf('?')
  return at < 0 ? { path: url, query: '' } : { path: url.slice(0, at), query: url.slice(at + 1) }
}

/** The absolute URL of `to` where it is a path of `origin`, else that of `/`: whatever it may look like, it leads nowhere else. */
export function localUrl(to: string | null, origin: string): string {
  const url = to?.startsWith('/') ? URL.parse(to, origin) : null
  return url?.origin === origin ? url.href : `${origin}/`
}
