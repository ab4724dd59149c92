/** The way to an object store, which can be shut, answer 503 to everything, or become slow. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export type Condition = 'open' | 'shut' | '503' | 'slow'

const UNAVAILABLE = '<?xml version="1.0"?><Error><Code>ServiceUnavailable</Code><Message>Try later.</Message></Error>'

/** Each piece of data waits for this long, in ms. */
const SLOWNESS = 150

export class StoreWay {
  readonly #from: { host: string; port: number }
  readonly #to: { host: string; port: number }
  readonly #sockets = new Set<Socket>()
  #condition: Condition = 'open'
  #server: Server | null = null

  constructor(from: { host: string; port: number }, to: { host: string; port: number }) {
    this.#from = from
    this.#to = to
  }

  get endpoint(): string {
    return `http://${this.#from.host}:${this.#from.port}`
  }

  /** What is under way is cut off, and comes again to the new condition. */
  async become(condition: Condition): Promise<void> {
    this.#condition = condition
    await this.#close()
    if (condition !== 'shut') await this.#open()
  }

  async #open(): Promise<void> {
    this.#server = createServer((near) => this.#accept(near)).listen(this.#from.port, this.#from.host)
    await once(this.#server, 'listening')
  }

  async #close(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (!server) return
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(server, 'close')
  }

  #accept(near: Socket): void {
    this.#keep(near)
    if (this.#condition === '503') this.#refuse(near)
    else this.#lead(near)
  }

  #lead(near: Socket): void {
    const far = connect(this.#to.port, this.#to.host)
    this.#keep(far)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
    void this.#carry(near, far)
    void this.#carry(far, near)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // A broken connection is what this is for; both ends close.
    socket.on('error', () => socket.destroy())
  }

  #refuse(near: Socket): void {
    near.once('data', () =>
      near.end(
        `HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/xml\r\ncontent-length: ${UNAVAILABLE.length}\r\nconnection: close\r\n\r\n${UNAVAILABLE}`,
      ),
    )
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const piece of from) {
        if (this.#condition === 'slow') await delay(SLOWNESS)
        if (!to.write(piece)) await once(to, 'drain')
      }
      to.end()
    } catch {
      // Cut off, at one end or the other.
      to.destroy()
    }
  }
}
