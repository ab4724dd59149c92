/**
 * How the images of the catalogue come to be. An image is named after everything that goes into it, so a change makes
 * another image, and whatever is there by its name is up to date.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Catalogue } from '../domain/catalogue.ts'
import { ImageError } from '../engine/port.ts'
import { bundleMover } from './bundle.ts'
import { type ContextFile, readContext } from './context.ts'

interface PullRecipe {
  kind: 'pull'
  id: string
  /** The name that the engine knows it by. */
  name: string
}

export interface BuildRecipe {
  kind: 'build'
  id: string
  name: string
  files: ContextFile[]
  args: Record<string, string>
  /** What the Dockerfile gets as BASE. */
  needs: Recipe | null
}

export type Recipe = PullRecipe | BuildRecipe

/** Programs of ours that a folder's Dockerfile copies in, bundled from the sources. */
const PROGRAMS: Record<string, () => ContextFile> = {
  mover: () => ({ path: 'mover.js', executable: false, content: bundleMover() }),
}

/** Reads the folders below `imagesFolder`. Throws ImageError for an id that the catalogue lacks, or whose folder is not there. */
export function readRecipe(catalogue: Catalogue, imagesFolder: string, id: string): Recipe {
  const image = catalogue.images[id]
  if (!image) throw new ImageError(`The catalogue has no image ${id}.`)
  if ('pull' in image) return { kind: 'pull', id, name: image.pull }
  const needs = image.needs ? readRecipe(catalogue, imagesFolder, image.needs) : null
  const files = readFolder(imagesFolder, image.build, id)
  const args = image.args ?? {}
  return { kind: 'build', id, name: imageName(id, { files, args, needs: needs?.name ?? null }), files, args, needs }
}

function readFolder(imagesFolder: string, folder: string, id: string): ContextFile[] {
  const program = PROGRAMS[folder]
  try {
    const files = readContext(join(imagesFolder, folder))
    return program ? [...files, program()] : files
  } catch (error) {
    throw new ImageError(`The image ${id} cannot be built: ${(error as Error).message}.`, { cause: error })
  }
}

/** `cahier/<id>:<12 hexadecimal digits>`, over the content of the folder, the arguments and the name of the image below. */
function imageName(
  id: string,
  { files, args, needs }: { files: ContextFile[]; args: Record<string, string>; needs: string | null },
): string {
  const parts = [
    needs,
    Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1)),
    files.map(({ path, executable, content }) => [path, executable, digest(content)]),
  ]
  return `cahier/${id}:${digest(JSON.stringify(parts)).slice(0, 12)}`
}

function digest(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex')
}
