/** The fake engine's images: which are there, and what happens when one is built. */
import { ImageError, type ImageProgress } from '../port.ts'

type Report = (progress: ImageProgress) => void

export class FakeImages {
  readonly #there: Set<string>
  readonly #builds = new Map<string, { done: Promise<void>; listeners: Set<Report> }>()

  /** What building does; replace it by one that waits, or throws ImageError. */
  build: (image: string, report: Report) => Promise<void> = async (image, report) =>
    report({ message: `Building ${image}`, bytesDone: null, bytesTotal: null })

  constructor(there: Iterable<string>) {
    this.#there = new Set(there)
  }

  has(image: string): boolean {
    return this.#there.has(image)
  }

  forget(image: string): void {
    this.#there.delete(image)
  }

  /** Throws ImageError when it is not there. */
  demand(image: string): void {
    if (!this.has(image)) throw new ImageError(`The image ${image} is not there.`)
  }

  /** One build for all who ask at the same time; one who gives up does not end it for the others. */
  async provide(image: string, report: Report, signal: AbortSignal): Promise<void> {
    if (this.has(image)) return
    signal.throwIfAborted()
    const build = this.#builds.get(image) ?? this.#begin(image)
    build.listeners.add(report)
    const givenUp = Promise.withResolvers<never>()
    const giveUp = () => givenUp.reject(signal.reason)
    signal.addEventListener('abort', giveUp)
    try {
      await Promise.race([build.done, givenUp.promise])
    } finally {
      signal.removeEventListener('abort', giveUp)
      build.listeners.delete(report)
    }
  }

  #begin(image: string) {
    const listeners = new Set<Report>()
    const run = async () => {
      // Not before the one who asked listens.
      await Promise.resolve()
      try {
        await this.build(image, (progress) => {
          for (const listener of listeners) listener(progress)
        })
        this.#there.add(image)
      } finally {
        this.#builds.delete(image)
      }
    }
    const build = { done: run(), listeners }
    this.#builds.set(image, build)
    return build
  }
}
