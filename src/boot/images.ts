/** Before the server is ready: the images without which no notebook can start. The others are had when they are needed. */
import type { Catalogue } from '../domain/catalogue.ts'
import type { ImageBuilder } from '../images/builder.ts'

const REPORT_EVERY_MS = 5000

/** The mover, the image of the first framework for the first editor, and the embedded store's if it is used. */
export async function provideImages(
  images: ImageBuilder,
  catalogue: Catalogue,
  withStore: boolean,
  say: (line: string) => void,
): Promise<void> {
  const first = Object.values(catalogue.frameworks[0]?.versions[0]?.images ?? {})[0]
  for (const id of ['mover', ...(withStore ? ['s3'] : []), ...(first ? [first] : [])]) {
    if (await images.isThere(id)) continue
    const began = Date.now()
    say(`Making the image ${id}, which takes a while the first time.`)
    await images.provide(id, reporter(id, say), new AbortController().signal)
    say(`Image ${id} is there, after ${Math.round((Date.now() - began) / 1000)} s.`)
  }
}

/** Not each line of a build, but a sign of life every few seconds. */
function reporter(id: string, say: (line: string) => void) {
  let saidAt = 0
  let said = ''
  return ({ message }: { message: string }): void => {
    if (message === said || Date.now() - saidAt < REPORT_EVERY_MS) return
    saidAt = Date.now()
    said = message
    say(`  ${id}: ${message}`)
  }
}
