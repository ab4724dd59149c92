/**
 * Files of JSON lines, written and read without ever being whole in memory. What was written aside becomes the file by
 * fsync and rename; a last line that a kill cut off is as if it were not there.
 */
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from './tree.ts'

const BUFFERED = 128 * 1024

/** The lines of a file, parsed; none when the file is not there. */
export async function* readLines(file: string): AsyncGenerator<unknown, void, undefined> {
  const handle = await openIfThere(file)
  if (!handle) return
  try {
    const chunk = Buffer.allocUnsafe(BUFFERED)
    let rest: Buffer = Buffer.alloc(0)
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length)
      if (bytesRead === 0) return
      const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
      const end = bytes.lastIndexOf(0x0a) + 1
      rest = bytes.subarray(end)
      if (end === 0) continue
      for (const line of bytes.toString('utf8', 0, end - 1).split('\n')) yield JSON.parse(line)
    }
  } finally {
    await handle.close()
  }
}

export class LineWriter {
  readonly file: string
  readonly #handle: FileHandle
  #buffer = ''

  private constructor(file: string, handle: FileHandle) {
    this.file = file
    this.#handle = handle
  }

  /** Begins the file anew. */
  static async create(file: string): Promise<LineWriter> {
    return new LineWriter(file, await open(file, 'w', 0o600))
  }

  async write(value: unknown): Promise<void> {
    this.#buffer += `${JSON.stringify(value)}\n`
    if (this.#buffer.length >= BUFFERED) await this.#flush()
  }

  /** What was written is then in the file, but not yet safe from a power cut. */
  async close(): Promise<void> {
    try {
      await this.#flush()
    } finally {
      await this.#handle.close()
    }
  }

  /** Makes it the file of that name, whole, also after a power cut. */
  async publish(as: string): Promise<void> {
    try {
      await this.#flush()
      await this.#handle.sync()
    } finally {
      await this.#handle.close()
    }
    await rename(this.file, as)
    await syncFolder(dirname(as))
  }

  async #flush(): Promise<void> {
    const text = this.#buffer
    this.#buffer = ''
    if (text !== '') await this.#handle.writeFile(text)
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}
