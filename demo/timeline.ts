/** Prints a notebook's life as its events tell it: each phase with the time it took, each sync with a bar. */
import type { Client, StreamItem } from '../src/sdk/client.ts'

type Sync = Extract<StreamItem, { __typename: 'SyncProgressed' }>['sync']

const BAR_WIDTH = 20

export class Timeline {
  readonly #began = Date.now()
  readonly #ended = new AbortController()
  readonly #shown = new Set<string>()
  readonly #running: Promise<void>
  #place: { name: string; since: number } | null = null

  constructor(client: Client, notebook: { id: string; eventCursor: string }) {
    this.#running = this.#follow(
      client.notebookEvents(notebook.id, { after: notebook.eventCursor, signal: this.#ended.signal }),
    )
  }

  /** A line of one's own between the events. */
  say(line: string): void {
    console.log(`${this.#time(Date.now() - this.#began)}  ${line}`)
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }

  async #follow(items: AsyncIterable<StreamItem>): Promise<void> {
    try {
      for await (const item of items) this.#show(item)
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error
    }
  }

  #show(item: StreamItem): void {
    const { __typename: type } = item
    if (type === 'StateChanged') this.#enter(item.phase ? `${item.to} ${item.phase}` : item.to, item.at)
    if (type === 'PhaseChanged') this.#enter(item.phase ?? '', item.at, item.message)
    if (type === 'NotebookWarned') this.say(`warning: ${item.message}`)
    if (type === 'NotebookDeleted') this.#enter('deleted', item.at)
    if (type === 'SyncProgressed') this.#showSync(item.sync)
  }

  #enter(name: string, at: string, message?: string | null): void {
    const now = Date.parse(at)
    const took = this.#place ? `  (${this.#place.name} took ${this.#time(now - this.#place.since).trim()})` : ''
    this.say(`${name}${message ? `: ${message}` : ''}${took}`)
    this.#place = { name, since: now }
  }

  /** The bar moves in place on a terminal; elsewhere only the finished one is printed. */
  #showSync(sync: Sync): void {
    if (this.#shown.has(sync.id)) return
    const isOver = sync.endedAt !== null
    const line = `${this.#time(Date.now() - this.#began)}    ${describe(sync)}`
    if (isOver) this.#shown.add(sync.id)
    if (process.stdout.isTTY) process.stdout.write(`\r${line}${isOver ? '\n' : ''}`)
    else if (isOver) console.log(line)
  }

  #time(ms: number): string {
    return `${(ms / 1000).toFixed(1).padStart(6)} s`
  }
}

function describe({
  direction,
  volume,
  bytesDone,
  bytesTotal,
  filesDone,
  filesTotal,
  filesSkipped,
  state,
}: Sync): string {
  const share = Number(bytesTotal) > 0 ? Number(bytesDone) / Number(bytesTotal) : state === 'DONE' ? 1 : 0
  const bar = '█'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '░')
  const name = (volume?.mountPath ?? '/workspace').padEnd(20)
  const unchanged = filesSkipped > 0 ? `, ${filesSkipped} unchanged` : ''
  return `${direction.toLowerCase()} ${name} ${bar} ${filesDone} of ${filesTotal ?? '?'} files, ${bytesDone} bytes${unchanged}`
}
