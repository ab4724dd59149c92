/** A replica of the API on a real port of the loopback. */
import type { ServerResponse } from 'node:http'
import { systemClock } from '../../src/domain/clock.ts'
import { type Client, createClient } from '../../src/sdk/client.ts'
import { type Checks, Readiness } from '../../src/server/readiness.ts'
import { createServer, type Gateway } from '../../src/server/server.ts'
import { GraphqlSockets } from '../../src/server/websocket.ts'
import type { User, World } from './world.ts'

const HOST = '127.0.0.1'

/** Says which requests it got instead of passing them on. */
const gateway: Gateway = {
  serves: ({ headers }) => headers.host?.includes('.notebooks.localhost') ?? false,
  handle: (_req, res: ServerResponse) => res.end('the gateway'),
  upgrade: (_req, socket) => socket.end('HTTP/1.1 418 The Gateway\r\n\r\n'),
  close: () => undefined,
}

export interface Serving extends AsyncDisposable {
  url: string
  port: number
  hub: World['hub']
  client(user: User): Client
  /** Stops serving, as at a restart. */
  close(): Promise<void>
}

/** `port`: 0 lets the system choose. */
export async function serve(world: World, { port = 0, checks = {} as Checks } = {}): Promise<Serving> {
  const { api, hub, close } = await world.anotherReplica()
  const { database, log } = world
  const clients: Client[] = []
  const server = createServer({
    api,
    sockets: new GraphqlSockets({ api, database, log }),
    readiness: new Readiness({ checks, warnings: () => [], clock: systemClock, log }),
    gateway,
    signIn: { handle: (_req, res) => res.end('the sign-in page') },
    origins: ['https://cahier.example.com'],
    log,
  })
  const bound = await server.listen(port, HOST)
  const url = `http://${HOST}:${bound}`
  return {
    url,
    port: bound,
    hub,
    client({ token }) {
      const client = createClient({ url, token })
      clients.push(client)
      return client
    },
    async close() {
      await server.close()
      await close()
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close()
      await server.close()
      await close()
    },
  }
}
