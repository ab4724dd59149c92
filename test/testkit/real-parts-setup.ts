/**
 * The real parts of a test run: the Docker daemon that `npm start` would use, with the images built, and an S3 server of this
 * run's own, gone at the end. A daemon that was started for the tests is stopped after them; its images stay.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { provideImages } from '../../src/boot/images.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { ensureDocker, stopDocker } from '../../src/embedded/docker.ts'
import { ensureObjectStore } from '../../src/embedded/object-store.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { ImageBuilder } from '../../src/images/builder.ts'
import { removeInstallation } from './leftovers.ts'
import { makeLightCatalogue, provideLightImage } from './light-catalogue.ts'

const HOME = fileURLToPath(new URL('../../.cahier', import.meta.url))
const IMAGES = fileURLToPath(new URL('../../images', import.meta.url))

const say = (line: string): void => console.log(line)

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { dockerHost, started } = process.env.DOCKER_HOST
    ? { dockerHost: process.env.DOCKER_HOST, started: false }
    : await ensureDocker(HOME, say)
  const docker = connectDocker(dockerHost)
  const catalogue = parseCatalogue(await readFile(join(IMAGES, 'catalogue.json'), 'utf8'))
  const images = new ImageBuilder(docker, catalogue, IMAGES)
  await provideImages(images, catalogue, true, say)
  const lightCatalogue = await makeLightCatalogue()
  await provideLightImage(docker, lightCatalogue)

  const installation = randomUUID()
  const home = await mkdtemp(join(tmpdir(), 'cahier-store-'))
  const { started: _, ...s3 } = await ensureObjectStore({ docker, installation, home, images }, say)
  project.provide('dockerHost', dockerHost)
  project.provide('s3', s3)
  project.provide('lightCatalogue', lightCatalogue)
  return async () => {
    await removeInstallation(docker, installation)
    await rm(home, { recursive: true })
    await rm(dirname(lightCatalogue), { recursive: true })
    if (started) await stopDocker(HOME)
  }
}
