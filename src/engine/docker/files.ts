/**
 * One file out of a container, which Docker hands out as a tar archive; mounted volumes included, also after the end.
 */
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type Dockerode from 'dockerode'
import { type Extract, extract } from 'tar-stream'
import { call, LIMIT, unless } from './call.ts'

const NOT_THERE = 404

/** Null when there is no such container, no such path, or no regular file at it. */
export async function readFile(container: Dockerode.Container, path: string): Promise<Buffer | null> {
  return call(`read ${path}`, LIMIT.COPY, async (abortSignal) => {
    const archive = await unless(NOT_THERE, container.getArchive({ path, abortSignal }), null)
    if (!archive) return null
    const entries = extract()
    const [file] = await Promise.all([firstFile(entries), pipeline(archive, entries)])
    return file
  })
}

/** Reads on to the archive's end, since an entry that nobody reads holds up the rest. */
async function firstFile(entries: Extract): Promise<Buffer | null> {
  let file: Buffer | null = null
  for await (const entry of entries) {
    if (entry.header.type === 'file' && !file) file = await buffer(entry)
    else entry.resume()
  }
  return file
}
