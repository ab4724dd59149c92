/**
 * One connection of a process that hears what committed transactions ring (see `Channel`). What is heard is a hint to look;
 * while the connection is down nothing is heard, so after every new one all listeners are told to look at everything.
 */
import pg from 'pg'
import type { Logger } from 'pino'
import type { Clock } from '../domain/clock.ts'
import { retryDelay } from '../domain/lifecycle.ts'
import type { Channel } from './database.ts'

/** `id`: what rang; null: anything may have happened. Must not throw. */
export type Listener = (id: string | null) => void

export interface Listening {
  /** Resolves when the first connection hears. */
  readonly ready: Promise<void>
  close(): Promise<void>
}

/** Connects, and connects again for as long as it is not closed. Never throws for a database that cannot be reached. */
export function listen(
  parts: { url: string; clock: Clock; log: Logger },
  listeners: Readonly<Partial<Record<Channel, Listener>>>,
): Listening {
  const ended = new AbortController()
  const ready = Promise.withResolvers<void>()
  const loop = keepListening(parts, listeners, ready.resolve, ended.signal)
  return {
    ready: ready.promise,
    async close() {
      ended.abort()
      await loop
    },
  }
}

async function keepListening(
  { url, clock, log }: { url: string; clock: Clock; log: Logger },
  listeners: Readonly<Partial<Record<Channel, Listener>>>,
  onReady: () => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'cahier listener' })
    try {
      const ended = endOf(client, signal)
      await client.connect()
      client.on('notification', ({ channel, payload }) => listeners[channel as Channel]?.(payload ?? null))
      for (const channel of Object.keys(listeners)) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
      failures = 0
      onReady()
      for (const listener of Object.values(listeners)) listener(null)
      await ended
    } catch (error) {
      log.warn({ err: error }, 'the listening connection broke')
    }
    await client.end().catch((error: unknown) => log.debug({ err: error }, 'a broken connection did not end well'))
    failures += 1
    await clock.sleep(retryDelay(failures, clock.random()), signal)
  }
}

/** Resolves when the signal aborts; rejects when the connection breaks. */
function endOf(client: pg.Client, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  client.on('error', reject)
  client.on('end', () => reject(new Error('The connection was closed')))
  // Awaited only once connected; a failure to connect is thrown by `connect` itself.
  promise.catch(() => undefined)
  return promise
}
