/**
 * Docker's log streams taken apart. Without a terminal, stdout and stderr come interleaved in frames with a header of
 * eight bytes: the stream's number, three zeros, the length. Frames, lines and characters all break across chunks.
 */

const HEADER_BYTES = 8
const STDERR = 2

/** A process that never ends its line must not fill our memory: past this many characters it is cut. */
const MAX_LINE = 2 ** 20

export interface Frame {
  stream: 'stdout' | 'stderr'
  data: Buffer
}

export class FrameParser {
  #rest: Buffer = Buffer.alloc(0)

  /** The frames that this chunk completes. */
  push(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    let start = 0
    while (bytes.length >= start + HEADER_BYTES) {
      const dataStart = start + HEADER_BYTES
      const dataEnd = dataStart + bytes.readUInt32BE(start + 4)
      if (bytes.length < dataEnd) break
      frames.push({ stream: bytes[start] === STDERR ? 'stderr' : 'stdout', data: bytes.subarray(dataStart, dataEnd) })
      start = dataEnd
    }
    this.#rest = bytes.subarray(start)
    return frames
  }
}

export class LineSplitter {
  readonly #decoder = new TextDecoder()
  #rest = ''

  /** The lines that these bytes complete, without their ends. */
  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > MAX_LINE) {
      lines.push(this.#rest)
      this.#rest = ''
    }
    return lines
  }

  /** What is left when no more bytes come: a last line without an end, or nothing. */
  end(): string[] {
    const last = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return last === '' ? [] : [last]
  }
}
