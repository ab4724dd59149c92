/**
 * Whether bytes here are those of an object, from its ETag: the MD5 of a plain object, or the MD5 of the parts' MD5s of one
 * sent in parts. The parts are cut by the file's size alone, so that the same file always gets the same ETag.
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

const MIB = 1024 * 1024
/** Above this an object is sent in parts; also the size of a part, until there would be too many. */
export const PART_BYTES = 16 * MIB
const MAX_PARTS = 10_000
const CHUNK = MIB

export function partSize(size: number): number {
  return Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB)
}

/** The ETag that the file's bytes have in the form of `like`; null when it cannot be told (other parts, or an encrypting store). */
export async function etagOf(
  file: FileHandle,
  size: number,
  like: string,
  signal: AbortSignal,
): Promise<string | null> {
  const [, parts] = /^[0-9a-f]{32}(?:-(\d+))?$/.exec(like) ?? []
  if (!parts) return (await md5(file, 0, size, signal)).toString('hex')
  const step = partSize(size)
  if (Number(parts) !== Math.max(1, Math.ceil(size / step))) return null
  const whole = createHash('md5')
  for (let from = 0; from < size; from += step) whole.update(await md5(file, from, Math.min(size, from + step), signal))
  return `${whole.digest('hex')}-${parts}`
}

async function md5(file: FileHandle, from: number, to: number, signal: AbortSignal): Promise<Buffer> {
  const hash = createHash('md5')
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, to - from))
  for (let at = from; at < to; ) {
    signal.throwIfAborted()
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, to - at), at)
    if (bytesRead === 0) break
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
  return hash.digest()
}
