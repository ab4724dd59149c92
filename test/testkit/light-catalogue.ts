/**
 * The catalogue of tests on real parts: that which comes with Cahier, with a light notebook (editor and framework "light")
 * and the flavor "test-tiny", whose limits are really set, so that many notebooks fit on a small machine, whose disk may be
 * nearly full.
 */
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Dockerode from 'dockerode'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { ImageBuilder } from '../../src/images/builder.ts'

const IMAGES = fileURLToPath(new URL('../../images', import.meta.url))
const LIGHT_NOTEBOOK = fileURLToPath(new URL('light-notebook', import.meta.url))

/** What a notebook of this kind is created with, beside its project. */
export const LIGHT = { editor: 'light', framework: 'light', flavor: 'test-tiny', units: 1 } as const

const OVERCOMMIT = 8

/** As it is written in the file. */
export interface RawCatalogue {
  overcommit: { cpu: number; memory: number }
  diskReserve?: { share: number; size: string }
  flavors: { id: string; [key: string]: unknown }[]
  editors: { id: string; [key: string]: unknown }[]
  frameworks: { id: string; name: string; versions: { version: string; images: Record<string, string> }[] }[]
  images: Record<string, { build?: string; needs?: string; args?: Record<string, string> }>
}

/** Writes it to a new folder, with the folders of its images beside it, and answers the path for CATALOGUE. */
export async function makeLightCatalogue(change: (catalogue: RawCatalogue) => void = () => undefined): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cahier-catalogue-'))
  await cp(IMAGES, folder, { recursive: true })
  await cp(LIGHT_NOTEBOOK, join(folder, 'light'), { recursive: true })
  const file = join(folder, 'catalogue.json')
  const catalogue: RawCatalogue = JSON.parse(await readFile(file, 'utf8'))
  catalogue.overcommit = { cpu: OVERCOMMIT, memory: OVERCOMMIT }
  catalogue.diskReserve = { share: 0, size: '0MiB' }
  catalogue.flavors.push({
    id: LIGHT.flavor,
    name: '0.1 vCPU, 384 MiB',
    vcpus: 0.1,
    memory: '384MiB',
    gpu: null,
    pricePerHour: '0.03',
    maxUnits: 12,
  })
  catalogue.editors.push({ id: LIGHT.editor, name: 'Light', port: 8888, readyPath: '/ready' })
  catalogue.frameworks.push({
    id: LIGHT.framework,
    name: 'Light',
    versions: [{ version: '1', images: { [LIGHT.editor]: 'light' } }],
  })
  catalogue.images.light = { build: 'light', needs: 'base' }
  change(catalogue)
  await writeFile(file, JSON.stringify(catalogue))
  return file
}

/** Builds the light notebook's image where the daemon lacks it. Takes a second or two. */
export async function provideLightImage(docker: Dockerode, catalogueFile: string): Promise<void> {
  const images = await imagesOf(docker, catalogueFile)
  await images.provide('light', () => undefined, new AbortController().signal)
}

/** By the daemon's names: all that light notebooks need. */
export async function lightImages(docker: Dockerode, catalogueFile: string): Promise<string[]> {
  const images = await imagesOf(docker, catalogueFile)
  return [images.nameOf('mover'), images.nameOf('light')]
}

async function imagesOf(docker: Dockerode, catalogueFile: string): Promise<ImageBuilder> {
  return new ImageBuilder(docker, parseCatalogue(await readFile(catalogueFile, 'utf8')), dirname(catalogueFile))
}
