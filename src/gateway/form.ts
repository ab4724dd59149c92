/** A small form as browsers post it. */
import type { IncomingMessage } from 'node:http'

const MAX_BYTES = 8 * 1024

/** Null when the body is no such form, too large, or broke off. */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams | null> {
  if (!req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return null
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    // The connection is kept for the answer, also when the body is not read to its end.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length
      if (bytes > MAX_BYTES) return null
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if (!req.complete) return null
    throw error
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
