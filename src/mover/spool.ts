/** Steps between the pass that decides and the pass that does: a file, because there may be a million of them. */
import { rm } from 'node:fs/promises'
import { LineWriter, readLines } from './lines.ts'

export class Spool<Step> {
  readonly #writer: LineWriter

  private constructor(writer: LineWriter) {
    this.#writer = writer
  }

  static async create<Step>(file: string): Promise<Spool<Step>> {
    return new Spool(await LineWriter.create(file))
  }

  write(step: Step): Promise<void> {
    return this.#writer.write(step)
  }

  /** To be called once, before the first read. */
  close(): Promise<void> {
    return this.#writer.close()
  }

  read(): AsyncGenerator<Step, void, undefined> {
    return readLines(this.#writer.file) as AsyncGenerator<Step, void, undefined>
  }

  remove(): Promise<void> {
    return rm(this.#writer.file, { force: true })
  }
}
