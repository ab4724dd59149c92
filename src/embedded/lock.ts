/**
 * One process at a time brings up or stops the embedded parts of a CAHIER_HOME. The lock is an abstract unix socket, which
 * the kernel frees when its holder ends in whatever way.
 */
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { homeDigest } from './folders.ts'

const RETRY_MS = 100

/** Waits for as long as another process is at it. */
export async function withHomeLock<T>(home: string, part: string, work: () => Promise<T>): Promise<T> {
  const lock = await acquire(`\0cahier-${homeDigest(home)}-${part}`)
  try {
    return await work()
  } finally {
    lock.close()
  }
}

async function acquire(name: string): Promise<Server> {
  for (;;) {
    const lock = await listen(name)
    if (lock) return lock
    await delay(RETRY_MS)
  }
}

function listen(name: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(null) : reject(error),
    )
    server.listen(name, () => resolve(server))
  })
}
