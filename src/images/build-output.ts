/** A build's output: its last lines, for the case that it fails, and each step told in words. */
import { stripVTControlCharacters } from 'node:util'
import { type Clock, systemClock } from '../domain/clock.ts'
import type { ImageProgress } from '../engine/port.ts'

/** How many lines of a failed build's output its error shows. */
const LINES_SHOWN = 20

/** While a step goes on talking, its progress is repeated this often, in milliseconds, as a sign of life. */
const HEARTBEAT = 5_000

const STEP = /^Step (\d+)\/(\d+) : (.+)$/

export class BuildOutput {
  readonly #id: string
  readonly #onProgress: (progress: ImageProgress) => void
  readonly #clock: Clock
  readonly #lines: string[] = []
  #unfinished = ''
  #message = ''
  #toldAt = 0

  constructor(id: string, onProgress: (progress: ImageProgress) => void, clock: Clock = systemClock) {
    this.#clock = clock
    this.#id = id
    this.#onProgress = onProgress
  }

  add(text: string): void {
    const lines = (this.#unfinished + text).split('\n')
    this.#unfinished = lines.pop() ?? ''
    for (const line of lines) this.#line(line.trimEnd())
  }

  tail(): string {
    const lines = [...this.#lines, this.#unfinished].filter(Boolean).slice(-LINES_SHOWN)
    return stripVTControlCharacters(lines.join('\n'))
  }

  #line(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > 2 * LINES_SHOWN) this.#lines.splice(0, LINES_SHOWN)
    const [, step, steps, instruction] = STEP.exec(line) ?? []
    if (instruction) this.#message = `Building ${this.#id}, step ${step} of ${steps}: ${brief(instruction)}`
    const now = this.#clock.now().getTime()
    if (!this.#message || (!instruction && now - this.#toldAt < HEARTBEAT)) return
    this.#toldAt = now
    this.#onProgress({ message: this.#message, bytesDone: null, bytesTotal: null })
  }
}

/** The instruction's beginning, with runs of blanks closed up. */
function brief(instruction: string): string {
  const text = instruction.replaceAll(/\s+/g, ' ')
  return text.length > 64 ? `${text.slice(0, 63)}…` : text
}
