/**
 * Counts what a target's sync does and says so on stdout, at most four lines in any second and the last one always.
 * At the end of a sync without failures filesDone + filesSkipped + filesDeleted = filesTotal and bytesDone = bytesTotal.
 */
import type { Counters, ProgressLine } from './protocol.ts'

/** Three in a second, so that the last line, which does not wait, is the fourth at most. */
const INTERVAL_MS = 334

export interface ProgressClock {
  now(): number
  /** Calls back once after so many milliseconds; the answer calls it off. */
  later(milliseconds: number, call: () => void): () => void
}

const systemClock: ProgressClock = {
  now: () => performance.now(),
  later: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds)
    return () => clearTimeout(timer)
  },
}

export class Progress {
  readonly counters: Counters = {
    filesDone: 0,
    filesTotal: null,
    filesSkipped: 0,
    filesDeleted: 0,
    filesFailed: 0,
    bytesDone: 0,
    bytesTotal: null,
  }
  readonly #write: (stage: ProgressLine['stage'], counters: Counters) => void
  readonly #clock: ProgressClock
  #stage: ProgressLine['stage'] = 'listing'
  #lastLine = Number.NEGATIVE_INFINITY
  #callOff: (() => void) | null = null

  constructor(write: (stage: ProgressLine['stage'], counters: Counters) => void, clock: ProgressClock = systemClock) {
    this.#write = write
    this.#clock = clock
  }

  stage(stage: ProgressLine['stage']): void {
    this.#stage = stage
    this.#changed()
  }

  /** The end of the listing pass. */
  totals(files: number, bytes: number): void {
    this.counters.filesTotal = files
    this.counters.bytesTotal = bytes
    this.stage('moving')
  }

  add(counter: 'filesDone' | 'filesSkipped' | 'filesDeleted' | 'filesFailed' | 'bytesDone', amount = 1): void {
    this.counters[counter] += amount
    this.#changed()
  }

  /** A file has other bytes than were listed: the total follows. */
  resize(bytes: number): void {
    if (this.counters.bytesTotal !== null) this.counters.bytesTotal += bytes
  }

  /** Says the last line at once; nothing is said after it. */
  end(stage: 'done' | 'failed'): void {
    this.#callOff?.()
    this.#callOff = null
    this.#write(stage, this.counters)
  }

  #changed(): void {
    if (this.#callOff) return
    const wait = this.#lastLine + INTERVAL_MS - this.#clock.now()
    if (wait <= 0) this.#say()
    else this.#callOff = this.#clock.later(wait, () => this.#say())
  }

  #say(): void {
    this.#callOff = null
    this.#lastLine = this.#clock.now()
    this.#write(this.#stage, this.counters)
  }
}
