/** A way to a Docker daemon that can be cut, for tests of what a broken connection looks like. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Way extends AsyncDisposable {
  dockerHost: string
  /** Resolves when so many connections have been answered something. */
  passed(connections: number): Promise<void>
  cut(): void
}

/** `host` is the URL of the daemon's socket. */
export async function openWay(host: string): Promise<Way> {
  const folder = await mkdtemp(join(tmpdir(), 'way-'))
  const ends = new Set<Socket>()
  let opened = 0
  let noticed = Promise.withResolvers<void>()
  const server = createServer((near) => {
    const far = connect(new URL(host).pathname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
    opened += 1
    noticed.resolve()
  })
  server.listen(join(folder, 'docker.sock'))
  await once(server, 'listening')
  return {
    dockerHost: `unix://${folder}/docker.sock`,
    async passed(connections) {
      while (opened < connections) {
        await noticed.promise
        noticed = Promise.withResolvers()
      }
    },
    cut() {
      for (const end of ends) end.destroy()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await rm(folder, { recursive: true })
    },
  }
}
