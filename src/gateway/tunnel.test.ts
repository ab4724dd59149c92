import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { NOTEBOOK, World } from '../../test/gateway/world.ts'

let world: World
const opened: WebSocket[] = []
beforeEach(async () => {
  world = await World.start()
})
afterEach(async () => {
  for (const socket of opened.splice(0)) if (socket.readyState === WebSocket.OPEN) socket.terminate()
  await world[Symbol.asyncDispose]()
})

/** An editor that sends back what it gets, and tells of every WebSocket that it opens. */
async function echo(): Promise<{ sockets: WebSocketServer; requests: IncomingMessage[] }> {
  const server = createServer()
  const sockets = new WebSocketServer({ server, handleProtocols: () => 'v1.kernel' })
  const requests: IncomingMessage[] = []
  sockets.on('connection', (socket, req) => {
    requests.push(req)
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  })
  await world.run(NOTEBOOK, server)
  return { sockets, requests }
}

function dial(path = '/', options: ClientOptions = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}${path}`, ['v1.kernel'], {
    ...options,
    headers: { host: world.hostOf(NOTEBOOK), authorization: 'Bearer cah_ana', ...options.headers },
  })
  opened.push(socket)
  return socket
}

/** The status with which an upgrade was refused. */
async function refusal(socket: WebSocket): Promise<number | undefined> {
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  return answer.resume().statusCode
}

test('messages pass both ways, text and binary, small and large, with the protocol that was agreed', async () => {
  const { requests } = await echo()
  const socket = dial('/api/kernels/1/channels?session_id=2')
  await once(socket, 'open')
  expect(socket.protocol).toBe('v1.kernel')
  expect(requests[0]?.url).toBe('/api/kernels/1/channels?session_id=2')
  for (const message of [Buffer.from('hello'), Buffer.alloc(4 * 2 ** 20, 5)]) {
    socket.send(message)
    const [answer] = await once(socket, 'message')
    expect(message.equals(answer as Buffer)).toBe(true)
  }
})

test('the editor gets its own token on an upgrade too, and nothing that says who the visitor is', async () => {
  const { requests } = await echo()
  const socket = dial('/', { headers: { cookie: '__Host-cahier-notebook=x; theme=dark' } })
  await once(socket, 'open')
  expect(requests[0]?.headers.authorization).toBe(`token ${world.vault.derive(`editor:${NOTEBOOK}:3`)}`)
  expect(requests[0]?.headers.cookie).toBe('theme=dark')
  expect(requests[0]?.headers['x-forwarded-for']).toBe('127.0.0.1')
})

test('who closes is heard on the other side, with code and reason', async () => {
  const { sockets } = await echo()
  const socket = dial()
  const [[inside]] = (await Promise.all([once(sockets, 'connection'), once(socket, 'open')])) as [[WebSocket], unknown]
  inside.close(4001, 'restarting')
  expect((await once(socket, 'close')).map(String)).toEqual(['4001', 'restarting'])
})

test('a peer that breaks off takes the other side with it', async () => {
  const { sockets } = await echo()
  for (const breaksOff of ['visitor', 'editor']) {
    const socket = dial()
    const [[inside]] = (await Promise.all([once(sockets, 'connection'), once(socket, 'open')])) as [
      [WebSocket],
      unknown,
    ]
    const [one, other] = breaksOff === 'visitor' ? [socket, inside] : [inside, socket]
    one.terminate()
    await once(other, 'close')
  }
})

test('an upgrade needs the same credentials as a request', async () => {
  await echo()
  expect(await refusal(dial('/', { headers: { authorization: '' } }))).toBe(401)
  expect(await refusal(dial('/', { headers: { authorization: 'Bearer cah_nobody' } }))).toBe(401)
  expect(await refusal(dial('/', { headers: { authorization: 'Bearer cah_bob' } }))).toBe(404)
})

test("an editor's refusal of an upgrade is passed on whole", async () => {
  const body = 'no such kernel'.repeat(100_000)
  await world.run(
    NOTEBOOK,
    createServer((_req, res) => res.end('not this way')).on('upgrade', (_req, socket: Socket) =>
      socket.end(`HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`),
    ),
  )
  const [, answer] = (await once(dial(), 'unexpected-response')) as [unknown, IncomingMessage]
  expect(answer.statusCode).toBe(404)
  let text = ''
  for await (const chunk of answer) text += chunk
  expect(text).toBe(body)
})

test('an upgrade to an editor that does not listen is a 502', async () => {
  const gone = createServer()
  await world.run(NOTEBOOK, gone)
  await new Promise((resolve) => gone.close(resolve))
  expect(await refusal(dial())).toBe(502)
})

test('nothing but WebSockets is upgraded', async () => {
  await echo()
  const outgoing = world.open({
    headers: {
      authorization: 'Bearer cah_ana',
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': '',
    },
  })
  outgoing.end()
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  expect(answer.resume().statusCode).toBe(400)
})

test('a visitor who leaves before the editor agreed leaves nothing open', async () => {
  const server = createTcpServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  await world.run(NOTEBOOK, createServer(), { target: { host: '127.0.0.1', port, generation: 1 } })

  const visitor = connect(world.port, '127.0.0.1')
  visitor.write(
    [
      'GET / HTTP/1.1',
      `Host: ${world.hostOf(NOTEBOOK)}`,
      'Authorization: Bearer cah_ana',
      'Connection: Upgrade',
      'Upgrade: websocket',
      '',
      '',
    ].join('\r\n'),
  )
  const [inside] = (await once(server, 'connection')) as [Socket]
  await once(inside, 'data')
  visitor.destroy()
  await once(inside, 'close')
  await new Promise((resolve) => server.close(resolve))
})

test('closing the gateway ends open WebSockets and open answers at once', async () => {
  const server = createServer((_req, res) => res.write('and so on'))
  const sockets = new WebSocketServer({ server })
  await world.run(NOTEBOOK, server)
  const socket = dial().on('error', () => expect(socket.readyState).not.toBe(WebSocket.OPEN))
  const outgoing = world.open()
  outgoing.end()
  const [[inside], [answer]] = (await Promise.all([
    once(sockets, 'connection'),
    once(outgoing, 'response'),
    once(socket, 'open'),
  ])) as [[WebSocket], [IncomingMessage], unknown]
  answer.resume().on('error', (error) => expect(error.message).toBe('aborted'))
  const ends = [once(socket, 'close'), once(inside, 'close'), once(outgoing, 'close')]
  world.gateway.close()
  await Promise.all(ends)
})

test('whoever loses access is cut off within five seconds, in the middle of a WebSocket or of an answer', async () => {
  const server = createServer((_req, res) => res.write('and so on'))
  const sockets = new WebSocketServer({ server })
  await world.run(NOTEBOOK, server)
  const socket = dial()
  const outgoing = world.open()
  outgoing.end()
  const [, [answer]] = (await Promise.all([
    once(socket, 'open'),
    once(outgoing, 'response'),
    once(sockets, 'connection'),
  ])) as [unknown, [IncomingMessage], unknown]
  answer.resume().on('error', (error) => expect(error.message).toBe('aborted'))
  world.people.openings.clear()
  const ends = [once(socket, 'close'), once(outgoing, 'close')]
  world.clock.pass(4_999)
  await Promise.all(ends)
})
