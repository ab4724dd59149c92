/** Images made on the machine's own daemon and carried to that of the run, which reaches no registry. */
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type Dockerode from 'dockerode'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { ensureDocker, stopDocker } from '../../src/embedded/docker.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { ImageBuilder } from '../../src/images/builder.ts'

const IMAGES = ['mover', 's3', 'light']

/** Makes what is missing on the machine's daemon, and answers the files they were saved to. */
export async function saveImages(
  { home, folder, catalogue, imagesFolder }: { home: string; folder: string; catalogue: string; imagesFolder: string },
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const given = process.env.DOCKER_HOST
  const { dockerHost, started } = given ? { dockerHost: given, started: false } : await ensureDocker(home, say)
  try {
    const docker = connectDocker(dockerHost)
    const builder = new ImageBuilder(docker, parseCatalogue(catalogue), imagesFolder)
    const files = []
    for (const id of IMAGES) {
      await builder.provide(id, ({ message }) => say(`  ${id}: ${message}`), signal)
      const file = join(folder, `${id}.tar`)
      await pipeline(await docker.getImage(builder.nameOf(id)).get(), createWriteStream(file), { signal })
      files.push(file)
    }
    return files
  } finally {
    if (started) await stopDocker(home)
  }
}

/** Removes the files when they are loaded. */
export async function loadImages(docker: Dockerode, files: readonly string[], signal: AbortSignal): Promise<void> {
  for (const file of files) {
    signal.throwIfAborted()
    const answer = await docker.loadImage(createReadStream(file))
    // The image is there when the answer has ended.
    await new Promise((resolve, reject) => answer.on('end', resolve).on('error', reject).resume())
    await rm(file)
  }
}
