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
 * Whether a request that brings no credentials of its own, but what a browser adds by itself, was made by a page of this
 * very origin or by the person at the browser. Others may follow a link to it, and nothing else: neither write, nor open
 * a WebSocket, nor load it as a part of their pages.
 */
export function isOwnRequest(req: IncomingMessage, origin: string): boolean {
  const { origin: from, upgrade } = req.headers
  const site = req.headers['sec-fetch-site']
  const writes = upgrade !== undefined || !SAFE_METHODS.has(req.method ?? '')
  if (from !== undefined && from !== origin) return false
  if (site === undefined || site === 'same-origin' || site === 'none') return true
  return !writes && req.headers['sec-fetch-mode'] === 'navigate' && req.headers['sec-fetch-dest'] === 'document'
}

/** `to` where it is a path of `origin`, else `/`: whatever else it may look like to a browser, it leads nowhere else. */
export function localPath(to: string | null, origin: string): string {
  if (!to?.startsWith('/')) return '/'
  const url = URL.parse(to, origin)
  return url?.origin === origin ? `${url.pathname}${url.search}${url.hash}` : '/'
}
