/**
 * Answers of our own, as a page for people and as JSON for programs. They are never kept by a cache, never shown in a
 * frame, and run nothing.
 */
import { createHash } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ErrorCode } from '../domain/errors.ts'
import { Html, html } from './html.ts'

export interface Answer {
  status: number
  headers?: Record<string, string | string[]>
  /** For people; `refreshSeconds` loads it anew by itself. */
  page: { title: string; body: Html; refreshSeconds?: number }
  /** For programs. */
  json: { code: ErrorCode | 'BAD_REQUEST' | 'UNAVAILABLE' | 'INTERNAL' | 'OK'; message: string } & Record<
    string,
    unknown
  >
}

const STYLE = new Html(`
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 36rem; margin: 15vh auto; padding: 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem }
dt { font-weight: 600 }
dd { margin: 0; overflow-wrap: anywhere }
input, button { font: inherit; padding: .4rem .6rem }
input { display: block; box-sizing: border-box; width: 100%; margin: .25rem 0 1rem }
[role=alert] { border-left: .25rem solid; padding-left: .75rem }
`)
const STYLE_HASH = createHash('sha256').update(STYLE.text).digest('base64')

export function wantsPage(req: IncomingMessage): boolean {
  return req.headers.accept?.includes('text/html') ?? false
}

/** `formAction`: where a form of the page may lead, as sources of a Content-Security-Policy. */
export function send(req: IncomingMessage, res: ServerResponse, answer: Answer, formAction = "'none'"): void {
  const page = wantsPage(req)
  const text = page ? renderPage(answer.page) : `${JSON.stringify(answer.json)}\n`
  res.writeHead(answer.status, {
    'Content-Type': page ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action ${formAction}; frame-ancestors 'none'`,
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    // With "no-referrer" browsers would hide the origin of our own forms from us.
    'Referrer-Policy': 'same-origin',
    'Cache-Control': 'no-store',
    Vary: 'Accept',
    ...answer.headers,
  })
  res.end(req.method === 'HEAD' ? undefined : text)
}

function renderPage({ title, body, refreshSeconds }: Answer['page']): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refreshSeconds && html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title} · Cahier</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.text
}

/** A response on the socket of an upgrade that is not granted. The socket ends with it. */
export function responseOn(socket: Socket, req: IncomingMessage): ServerResponse {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  // The http server let go of the socket, so its back-pressure has to be passed on here.
  socket.on('drain', () => res.emit('drain'))
  res.on('finish', () => socket.destroySoon())
  return res
}
