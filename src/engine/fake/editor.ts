/** A tiny HTTP server on loopback in the place of an editor, for tests of what waits for one to answer. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeEditor extends AsyncDisposable {
  address: { host: string; port: number }
  /** False: it answers 503, like an editor that is still starting. */
  isReady: boolean
}

export async function startFakeEditor(): Promise<FakeEditor> {
  const server = createServer((_, response) => {
    response.writeHead(editor.isReady ? 200 : 503, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const editor: FakeEditor = {
    address: { host: '127.0.0.1', port },
    isReady: true,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return editor
}
