/**
 * A machine elsewhere, as the notebooks' node sees one: a network namespace behind a link, with the addresses that a test gives
 * it and a server that answers on every port it names. Needs root, as Docker here does.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'

/** The link between here and there; a test's other addresses lie behind it. */
const LINK = { here: '10.213.7.1', there: '10.213.7.2' }

const SERVER = `const { createServer } = require('node:net')
for (const port of process.argv.slice(1)) createServer((socket) => socket.on('error', () => socket.destroy()).end('hello')).listen(port)
console.log('listening')`

export interface Elsewhere extends AsyncDisposable {
  /** Its private address on the link. */
  address: string
}

export async function elsewhere(addresses: readonly string[], ports: readonly number[]): Promise<Elsewhere> {
  await using parts = new AsyncDisposableStack()
  const name = `cahier-${randomBytes(3).toString('hex')}`
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const inside = (...args: string[]) => ip('-netns', name, ...args)
  ip('netns', 'add', name)
  parts.defer(() => void ip('netns', 'delete', name))
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
  // Its routes go with it.
  parts.defer(() => void ip('link', 'delete', name))
  ip('address', 'add', `${LINK.here}/30`, 'dev', name)
  ip('link', 'set', name, 'up')
  inside('address', 'add', `${LINK.there}/30`, 'dev', 'eth0')
  inside('link', 'set', 'eth0', 'up')
  for (const address of addresses) {
    inside('address', 'add', `${address}/32`, 'dev', 'eth0')
    ip('route', 'add', `${address}/32`, 'via', LINK.there)
  }
  const program = ['netns', 'exec', name, process.execPath, '-e', SERVER, ...ports.map(String)]
  const server = spawn('ip', program, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  parts.defer(async () => {
    server.kill('SIGKILL')
    await ended
  })
  await once(server.stdout, 'data')
  const made = parts.move()
  return { address: LINK.there, [Symbol.asyncDispose]: () => made.disposeAsync() }
}
