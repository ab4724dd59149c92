/** Steps between the pass that decides and the pass that does: a file, because there may be a million of them. */
import { rm } from 'node:fs/promises'
import { LineWriter, readLines } from './lines.ts'

export class Spool<Step> {
  #writer: LineWriter | null
  readonly #file: string

  private constructor(writer: LineWriter) {
    this.#writer = writer
    this.#file = writer.file
  }

  static async create<Step>(file: string): Promise<Spool<Step>> {
    return new Spool(await LineWriter.create(file))
  }

  async write(step: Step): Promise<void> {
    await this.#writer?.write(step)
  }

  /** To be called before the first read. */
  async close(): Promise<void> {
    const writer = this.#writer
    this.#writer = null
    await writer?.close()
  }

  read(): AsyncGenerator<Step, void, undefined> {
    return readLines(this.#file) as AsyncGenerator<Step, void, undefined>
  }

  async remove(): Promise<void> {
    await this.close()
    await rm(this.#file, { force: true })
  }
}
