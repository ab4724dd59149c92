/**
 * Passes a request on to a notebook and its answer back, as they stream, with back-pressure and without looking inside.
 * Whoever leaves first, the other side hears it, and no socket outlives both.
 *
 * Written on Node's own http: the proxy libraries for it rewrite paths, or pass a DELETE on with a body behind
 * "Content-Length: 0", which the next visitor on the same connection would pay for.
 */
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { downstreamHeaders, upstreamHeaders } from './headers.ts'
import type { Target } from './routes.ts'

/** An idle connection is given up before the servers that notebooks run (5 s at the shortest) do so under a request. */
const IDLE_MS = 4_000

export interface Passage {
  target: Target
  /** The editor's own. */
  token: string
  /** `http` or `https`, as the visitor sees it. */
  scheme: string
  logger: Logger
  /** Called at most once, when the notebook failed before it answered. Nothing was sent to the visitor then. */
  unreachable(res: ServerResponse, error: Error): void
}

/** Connections to notebooks, used again for the next request. */
export function notebookConnections(): Agent {
  return new Agent({ keepAlive: true, timeout: IDLE_MS })
}

export function forward(req: IncomingMessage, res: ServerResponse, agent: Agent, passage: Passage): void {
  if (res.destroyed) return
  const { host, port } = passage.target
  const headers = upstreamHeaders(req, passage.scheme, passage.token)
  const chunked = req.headers['transfer-encoding'] !== undefined
  if (chunked) headers['transfer-encoding'] = 'chunked'
  const outgoing = request({ agent, host, port, method: req.method, path: req.url, headers })
  let answered = false
  const fail = (error: Error) => {
    if (answered || res.destroyed) passage.logger.debug({ err: error }, 'a notebook went away')
    else passage.unreachable(res, error)
    answered = true
  }

  outgoing.on('response', (answer) => {
    if (!isPresentable(answer)) {
      outgoing.destroy(new Error('The notebook answered with a status that is none.'))
      return
    }
    answered = true
    relay(answer, res, passage.logger)
  })
  outgoing.on('error', fail)
  outgoing.on('upgrade', (_answer, upstream) => {
    upstream.destroy()
    fail(new Error('The notebook changed the protocol without being asked.'))
  })
  res.on('close', () => {
    if (!res.writableFinished) outgoing.destroy()
  })
  if (!chunked && req.headers['content-length'] === undefined) {
    outgoing.end()
    return
  }
  req.on('close', () => {
    if (!req.complete) outgoing.destroy()
  })
  // What a notebook did not wait for is read to its end, or the visitor could not read the answer.
  outgoing.on('close', () => req.unpipe(outgoing).resume())
  outgoing.flushHeaders()
  req.pipe(outgoing)
}

/** Node reads more than it is willing to write, and a notebook may say anything. */
export function isPresentable({ statusCode = 0, statusMessage = '' }: IncomingMessage): boolean {
  return statusCode >= 200 && /^[\t\x20-\x7e\x80-\xff]*$/.test(statusMessage)
}

/** Sends a notebook's presentable answer. An answer that breaks off breaks off for the visitor too. */
export function relay(answer: IncomingMessage, res: ServerResponse, logger: Logger): void {
  res.writeHead(answer.statusCode ?? 502, answer.statusMessage, downstreamHeaders(answer))
  // An answer of unknown length may be a stream of events, whose reader waits for the headers before the first of them.
  if (answer.headers['content-length'] === undefined) res.flushHeaders()
  answer.on('error', (error) => logger.debug({ err: error }, 'an answer broke off'))
  answer.on('close', () => {
    if (!answer.complete) res.destroy()
  })
  answer.pipe(res)
}
