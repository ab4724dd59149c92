import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EDITOR_PORT, NOTEBOOK, textOf, World } from '../../test/gateway/world.ts'

let world: World
beforeEach(async () => {
  world = await World.start()
})
afterEach(() => world[Symbol.asyncDispose]())

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown
const editor = (handler: Handler) => world.run(NOTEBOOK, createServer(handler))

/** An editor that keeps what it was asked, for a test to look at. */
async function recordingEditor(): Promise<IncomingMessage[]> {
  const seen: IncomingMessage[] = []
  await editor((req, res) => {
    seen.push(req)
    req.resume().on('end', () => res.end('ok'))
  })
  return seen
}

async function responseTo(outgoing: ReturnType<World['open']>): Promise<IncomingMessage> {
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return answer
}

test('a request arrives with its method, its path to the letter, its body and its Host', async () => {
  const bodies: string[] = []
  await editor(async (req, res) => {
    bodies.push(`${req.method} ${req.url} ${req.headers.host} ${await textOf(req)}`)
    res.end()
  })
  const path = '/a/../b//c%2Fd?x=1&x=%20?'
  await world.call({
    method: 'PUT',
    path,
    body: 'hello',
    headers: { authorization: 'Bearer cah_ana', 'content-length': '5' },
  })
  expect(bodies).toEqual([`PUT ${path} ${world.hostOf(NOTEBOOK)} hello`])
})

test('the Host is matched in any case and with or without its port', async () => {
  await editor((_req, res) => res.end('lab'))
  for (const host of [`${NOTEBOOK}.notebooks.localhost`, world.hostOf(NOTEBOOK).toUpperCase()])
    expect(await world.call({ host })).toMatchObject({ status: 200, text: 'lab' })
})

test('the editor answers at its own port too, and no other port is published', async () => {
  await editor((_req, res) => res.end('lab'))
  expect(await world.call({ host: world.hostOf(`${NOTEBOOK}-${EDITOR_PORT}`) })).toMatchObject({ text: 'lab' })
  const other = await world.call({ host: world.hostOf(`${NOTEBOOK}-5000`) })
  expect(other.status).toBe(404)
  expect(other.text).toContain('Port 5000 of this notebook is not published')
})

test('the editor gets its own token and nothing that says who the visitor is', async () => {
  const seen = await recordingEditor()
  await world.call({
    headers: {
      authorization: 'Bearer cah_ana',
      cookie: '__Host-cahier-notebook=x; _xsrf=2|a; cahier-sign-in=y; theme=dark',
    },
  })
  expect(seen[0]?.headers.authorization).toBe(`token ${world.vault.derive(`editor:${NOTEBOOK}:3`)}`)
  expect(seen[0]?.headers.cookie).toBe('_xsrf=2|a; theme=dark')
  expect(JSON.stringify(seen[0]?.rawHeaders)).not.toMatch(/cah_|cahier-/)
})

test('X-Forwarded headers are said by the gateway and not believed from outside', async () => {
  const seen = await recordingEditor()
  await world.call({
    headers: {
      authorization: 'Bearer cah_ana',
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-prefix': '/evil',
      forwarded: 'for=6.6.6.6',
    },
  })
  const forwarded = Object.entries(seen[0]?.headers ?? {}).filter(([name]) => name.includes('forwarded'))
  expect(Object.fromEntries(forwarded)).toEqual({
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': world.hostOf(NOTEBOOK),
  })
})

test('behind a proxy that ends TLS, notebooks hear of https', async () => {
  await using secure = await World.start('https')
  const seen: IncomingMessage[] = []
  await secure.run(
    NOTEBOOK,
    createServer((req, res) => {
      seen.push(req)
      res.end()
    }),
  )
  await secure.call()
  expect(seen[0]?.headers['x-forwarded-proto']).toBe('https')
})

test('headers of one hop, also those that Connection names, end at the gateway in both directions', async () => {
  const seen: IncomingMessage[] = []
  await editor((req, res) => {
    seen.push(req)
    res.writeHead(200, { Connection: 'close, X-Hop', 'X-Hop': '1', 'Proxy-Authenticate': 'Basic', 'X-Kept': '1' }).end()
  })
  const { headers } = await world.call({
    headers: {
      authorization: 'Bearer cah_ana',
      connection: 'x-one, close',
      'x-one': '1',
      te: 'trailers',
      'x-two': '2',
    },
  })
  expect(seen[0]?.headers).not.toHaveProperty('x-one')
  expect(seen[0]?.headers).not.toHaveProperty('te')
  expect(seen[0]?.headers['x-two']).toBe('2')
  expect(headers).not.toHaveProperty('x-hop')
  expect(headers).not.toHaveProperty('proxy-authenticate')
  expect(headers['x-kept']).toBe('1')
})

test("an editor's cookies lose their Domain and cannot replace the gateway's", async () => {
  await editor((_req, res) =>
    res
      .writeHead(200, [
        ...['Set-Cookie', 'a=1; Domain=notebooks.localhost; Path=/x; HttpOnly'],
        ...['Set-Cookie', 'b=2;dOmAiN = .localhost'],
        ...['Set-Cookie', '__Host-cahier-notebook=mine; Path=/; Secure'],
      ])
      .end(),
  )
  expect((await world.call()).headers['set-cookie']).toEqual(['a=1; Path=/x; HttpOnly', 'b=2'])
})

test('an answer arrives while it is still being written, headers first', async () => {
  const { promise: writeOn, resolve: seenHeaders } = Promise.withResolvers<void>()
  const { promise: end, resolve: seenEvent } = Promise.withResolvers<void>()
  await editor(async (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
    await writeOn
    res.write('data: 1\n\n')
    await end
    res.end()
  })
  const outgoing = world.open()
  outgoing.end()
  const answer = await responseTo(outgoing)
  seenHeaders()
  const [chunk] = await once(answer, 'data')
  expect(String(chunk)).toBe('data: 1\n\n')
  seenEvent()
  await once(answer, 'end')
})

test('an upload arrives while it is still being sent', async () => {
  const { promise: first, resolve: seen } = Promise.withResolvers<string>()
  await editor(async (req, res) => {
    req.once('data', (chunk) => seen(String(chunk)))
    await once(req, 'end')
    res.end('thanks')
  })
  const outgoing = world.open({ method: 'POST' })
  outgoing.write('part one')
  expect(await first).toBe('part one')
  outgoing.end('part two')
  expect(await textOf(await responseTo(outgoing))).toBe('thanks')
})

test('who reads slowly slows down who writes: nothing is gathered on the way, up or down', async () => {
  // The operating system's own buffers hold up to 10 MiB in each of the four connections.
  const [size, step, buffers] = [160 * 2 ** 20, 2 ** 20, 64 * 2 ** 20]
  await editor((req, res) => req.pipe(res))
  const outgoing = world.open({ method: 'POST' })
  const answered = responseTo(outgoing)
  let sent = 0
  const send = async () => {
    for (; sent < size; sent += step) if (!outgoing.write(Buffer.alloc(step))) await once(outgoing, 'drain')
    outgoing.end()
  }
  const receive = async () => {
    let received = 0
    for await (const part of await answered) {
      received += part.length
      expect(sent - received).toBeLessThan(buffers)
      await new Promise(setImmediate)
    }
    return received
  }
  const [received] = await Promise.all([receive(), send()])
  expect(received).toBe(size)
})

test('a connection to an editor is used again for the next request', async () => {
  const server = createServer((_req, res) => res.end('lab'))
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  await world.run(NOTEBOOK, server)
  for (let times = 0; times < 5; times += 1) await world.call()
  expect(connections).toBe(1)
})

test('a visitor who leaves is heard by the editor, while it answers and while it waits', async () => {
  for (const begins of [true, false]) {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
    const { promise: left, resolve: leave } = Promise.withResolvers<void>()
    await editor((_req, res) => {
      if (begins) res.write('first of many')
      ask()
      res.on('close', leave)
    })
    const outgoing = world.open().on('error', (error) => expect(error.message).toBe('socket hang up'))
    outgoing.end()
    await asked
    if (begins) (await responseTo(outgoing)).on('error', (error) => expect(error.message).toBe('aborted'))
    outgoing.destroy()
    await left
  }
})

test('a visitor who leaves in the middle of an upload is heard by the editor', async () => {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  await editor((req) => {
    req.once('data', () => begin())
    req.on('error', (error) => {
      expect(error.message).toBe('aborted')
      leave()
    })
  })
  const outgoing = world.open({ method: 'POST' }).on('error', () => expect(outgoing.destroyed).toBe(true))
  outgoing.write('half')
  await begun
  outgoing.destroy()
  await left
})

test('an answer that breaks off breaks off for the visitor and does not look complete', async () => {
  await editor((_req, res) => {
    res.writeHead(200, { 'Content-Length': 100 })
    res.write('half', () => res.destroy())
  })
  await expect(world.call()).rejects.toThrow('aborted')
})

test('an editor that does not listen is a clear 502, once', async () => {
  const gone = createServer()
  await world.run(NOTEBOOK, gone)
  await new Promise((resolve) => gone.close(resolve))
  const page = await world.call({ headers: { authorization: 'Bearer cah_ana', accept: 'text/html' } })
  expect(page.status).toBe(502)
  expect(page.text).toContain('The editor does not answer')
  expect(JSON.parse((await world.call()).text)).toMatchObject({ code: 'UNAVAILABLE' })
})

test('a request that the editor dropped is not sent again', async () => {
  let times = 0
  await editor((req) => {
    times += 1
    req.socket.destroy()
  })
  expect((await world.call({ method: 'POST', body: 'pay' })).status).toBe(502)
  expect((await world.call()).status).toBe(502)
  expect(times).toBe(2)
})

test('an upload that the editor does not want is answered at once, and its rest goes nowhere', async () => {
  await editor((req, res) => {
    if (req.method === 'GET') res.end('still here')
    else res.writeHead(413, { Connection: 'close' }).end('too large', () => req.socket.destroySoon())
  })
  const head = (method: string) =>
    `${method} / HTTP/1.1\r\nHost: ${world.hostOf(NOTEBOOK)}\r\nAuthorization: Bearer cah_ana\r\n`
  const rest = Buffer.alloc(8 * 2 ** 20)
  const socket = connect(world.port, '127.0.0.1')
  let answers = ''
  const arrived = async (text: string) => {
    while (!answers.includes(text)) answers += String((await once(socket, 'data'))[0])
  }
  socket.write(`${head('POST')}Content-Length: ${rest.length}\r\n\r\n`)
  await arrived('too large')
  socket.write(rest)
  socket.write(`${head('GET')}\r\n`)
  await arrived('still here')
  socket.destroy()
})

/** Sends bytes as they are and returns all that comes back until the gateway ends the connection. */
async function raw(text: string): Promise<string> {
  const socket = connect(world.port, '127.0.0.1')
  socket.write(text.replaceAll('\n', '\r\n'))
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  return answer
}

test('no request hides behind another: bodies keep their frame, doubtful frames are refused', async () => {
  const paths: (string | undefined)[] = []
  await editor(async (req, res) => {
    paths.push(`${req.method} ${req.url} ${(await textOf(req)).length}`)
    res.end()
  })
  const head = (method: string) =>
    `${method} / HTTP/1.1\nHost: ${world.hostOf(NOTEBOOK)}\nAuthorization: Bearer cah_ana\n`
  const hidden = 'GET /hidden HTTP/1.1\nHost: x\n\n'
  const chunk = `${(hidden.length + 3).toString(16)}\n${hidden}\n0\n\n`
  await raw(`${head('DELETE')}Connection: close\nTransfer-Encoding: chunked\n\n${chunk}`)
  await raw(`${head('GET')}Connection: close\nContent-Length: ${hidden.length + 3}\n\n${hidden}`)
  expect(paths).toEqual(['DELETE / 33', 'GET / 33'])

  const refused = [
    `${head('POST')}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n`,
    `${head('POST')}Content-Length: 5\nContent-Length: 6\n\nhello`,
    `${head('POST')}Connection: close\nTransfer-Encoding: gzip, chunked\n\n0\n\n`,
    head('GET').replace('/ HTTP', 'http://other/ HTTP').concat('Connection: close\n\n'),
  ]
  for (const text of refused) expect(await raw(text)).toMatch(/^HTTP\/1.1 400 /)
  expect(paths).toHaveLength(2)
})

/** An editor that says the same bytes to everyone, whatever HTTP has to say about them. */
async function rudeEditor(bytes: string): Promise<AsyncDisposable> {
  const server = createTcpServer((socket) => socket.once('data', () => socket.end(bytes, 'latin1')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await world.run(NOTEBOOK, createServer(), { target: { host: '127.0.0.1', port, generation: 1 } })
  return {
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('an answer that is no HTTP, a status that is none or an uninvited change of protocol is a 502', async () => {
  const answers = [
    ...[
      '',
      'hello\r\n\r\n',
      'HTTP/1.1 042 Low\r\n\r\n',
      'HTTP/1.1 200 \x01\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n',
    ],
    ...['HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ...['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ]
  for (const bytes of answers) {
    await using _editor = await rudeEditor(bytes)
    expect((await world.call()).status).toBe(502)
  }
  const upgrade = { authorization: 'Bearer cah_ana', connection: 'Upgrade', upgrade: 'websocket' }
  for (const bytes of answers.slice(0, -1)) {
    await using _editor = await rudeEditor(bytes)
    expect((await world.call({ headers: upgrade })).status).toBe(502)
  }
})
