/**
 * One file out of a container, which Docker hands out as a tar archive; mounted volumes included, also after the end.
 */
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type Dockerode from 'dockerode'
import { extract } from 'tar-stream'
import { call, LIMIT, unless } from './call.ts'

const NOT_THERE = 404

/** Null when there is no such container, no such path, or no regular file at it. */
export async function readFile(container: Dockerode.Container, path: string): Promise<Buffer | null> {
  return call(`read ${path}`, LIMIT.COPY, async (abortSignal) => {
    const archive = await unless(NOT_THERE, container.getArchive({ path, abortSignal }), null)
    return archive && firstFile(archive as Readable)
  })
}

/** A directory's archive begins with the directory and holds all that is in it: nothing after the first entry is wanted. */
async function firstFile(archive: Readable): Promise<Buffer | null> {
  const entries = extract()
  archive.on('error', (error) => entries.destroy(error))
  try {
    for await (const entry of archive.pipe(entries)) return entry.header.type === 'file' ? await buffer(entry) : null
    return null
  } finally {
    archive.destroy()
  }
}
