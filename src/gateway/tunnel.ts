/**
 * Joins a visitor's WebSocket with the notebook's. The end of one is the end of the other; a peer that vanished without a
 * word is found by keep-alive.
 */
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { responseOn } from './answer.ts'
import { isPresentable, type Passage, relay } from './forward.ts'
import { downstreamHeaders, upstreamHeaders } from './headers.ts'

const KEEP_ALIVE_MS = 30_000
/** For what is still to be written once the other side has ended. */
const LINGER_MS = 5_000

/** `head`: what the visitor sent behind its request already. The socket needs a listener for errors. */
export function tunnel(req: IncomingMessage, socket: Socket, head: Buffer, passage: Passage): void {
  if (socket.destroyed) return
  const { host, port } = passage.target
  const headers = upstreamHeaders(req, passage.scheme, passage.token)
  delete headers['content-length']
  const outgoing = request({
    agent: false,
    host,
    port,
    path: req.url,
    headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
  })
  let answered = false
  socket.on('close', () => outgoing.destroy())
  // Nobody reads from it before the notebook agreed, and the end of what is not read is not heard.
  socket.on('end', () => finish(socket)).read(0)
  outgoing.on('upgrade', (answer, upstream: Socket, upstreamHead) => {
    answered = true
    if (socket.destroyed) {
      upstream.destroy()
      return
    }
    const pairs = [...downstreamHeaders(answer), 'Connection', 'Upgrade', 'Upgrade', 'websocket']
    const lines = pairs.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${pairs[index + 1]}`] : []))
    socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'), 'latin1')
    socket.write(upstreamHead)
    upstream.write(head)
    upstream.on('error', (error) => passage.logger.debug({ err: error }, 'a WebSocket of a notebook broke'))
    upstream.on('end', () => finish(upstream))
    join(socket, upstream)
    join(upstream, socket)
  })
  outgoing.on('response', (answer) => {
    if (!isPresentable(answer)) {
      outgoing.destroy(new Error('The notebook answered with a status that is none.'))
      return
    }
    answered = true
    relay(answer, responseOn(socket, req), passage.logger)
  })
  outgoing.on('error', (error) => {
    if (answered || socket.destroyed) passage.logger.debug({ err: error }, 'a notebook went away')
    else passage.unreachable(responseOn(socket, req), error)
  })
  outgoing.end()
}

function join(from: Socket, to: Socket): void {
  from.setTimeout(0)
  from.setNoDelay(true)
  from.setKeepAlive(true, KEEP_ALIVE_MS)
  from.pipe(to)
  from.on('close', () => finish(to))
}

function finish(socket: Socket): void {
  socket.destroySoon()
  socket.setTimeout(LINGER_MS, () => socket.destroy())
}
