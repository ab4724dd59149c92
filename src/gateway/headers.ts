/**
 * Which headers pass the gateway. What concerns one connection only ends here, in both directions; what says who the
 * visitor is ends here too, and is said anew by us.
 */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { boundToOrigin, withoutOurs } from './cookies.ts'

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Only we say these; `expect` was answered by our own server already. */
const OURS_TO_SAY = new Set(['authorization', 'cookie', 'expect', 'forwarded', 'x-real-ip'])

/** Headers of the request to a notebook's editor, whose own `token` stands in for whatever the visitor brought. */
export function upstreamHeaders(req: IncomingMessage, scheme: string, token: string): OutgoingHttpHeaders {
  const hop = namedByConnection(req.headers)
  const headers: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(req.headers))
    if (!HOP_BY_HOP.has(name) && !hop.has(name) && !OURS_TO_SAY.has(name) && !name.startsWith('x-forwarded-'))
      headers[name] = value
  const cookie = withoutOurs(req.headers.cookie)
  if (cookie) headers.cookie = cookie
  return {
    ...headers,
    authorization: `token ${token}`,
    host: req.headers.host,
    'x-forwarded-for': req.socket.remoteAddress,
    'x-forwarded-proto': scheme,
    'x-forwarded-host': req.headers.host,
  }
}

/** Headers of an editor's answer, with its order and spelling: name, value, name, value … */
export function downstreamHeaders(answer: IncomingMessage): string[] {
  const hop = namedByConnection(answer.headers)
  const headers: string[] = []
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2) {
    const name = answer.rawHeaders[index] as string
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || hop.has(lower)) continue
    const raw = answer.rawHeaders[index + 1] as string
    const value = lower === 'set-cookie' ? boundToOrigin(raw) : raw
    if (value !== null) headers.push(name, value)
  }
  return headers
}

/** A sender may name further headers that end at the next hop; those that hold the message together are not its to name. */
function namedByConnection({ connection = '' }: IncomingHttpHeaders): Set<string> {
  const named = connection.split(',').map((name) => name.trim().toLowerCase())
  return new Set(named.filter((name) => name !== 'host' && name !== 'content-length'))
}
