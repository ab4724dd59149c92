/** The Docker daemon that tests of the engine run on, and a fresh installation on it that leaves nothing behind. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type Dockerode from 'dockerode'
import { inject } from 'vitest'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { createDockerEngine, type ImageProvider } from '../../src/engine/docker/engine.ts'
import type { ContainerEngine } from '../../src/engine/port.ts'
import { ImageBuilder } from '../../src/images/builder.ts'

const IMAGES_FOLDER = fileURLToPath(new URL('../../images', import.meta.url))
const NEVER = new AbortController().signal

/** A machine without a daemon fails these tests: they are never left out. */
export function dockerUnderTest(): { docker: Dockerode; dockerHost: string } {
  const dockerHost = inject('dockerHost')
  return { docker: connectDocker(dockerHost), dockerHost }
}

/** The images of the catalogue; the mover's is there when this resolves. */
export async function provideImages(docker: Dockerode): Promise<ImageProvider> {
  const catalogue = parseCatalogue(await readFile(`${IMAGES_FOLDER}/catalogue.json`, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, IMAGES_FOLDER)
  await images.provide('mover', () => undefined, NEVER)
  return images
}

export interface Installation extends AsyncDisposable {
  id: string
  engine: ContainerEngine
}

export async function freshInstallation(docker: Dockerode, images: ImageProvider): Promise<Installation> {
  const id = randomUUID()
  const engine = createDockerEngine({ docker, installation: id, nodeId: 'node', images })
  await engine.prepare()
  return { id, engine, [Symbol.asyncDispose]: () => wipe(docker, id) }
}

async function wipe(docker: Dockerode, installation: string): Promise<void> {
  const filters = { label: [`cahier.installation=${installation}`] }
  const containers = await docker.listContainers({ all: true, filters })
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true })))
  const { Volumes } = await docker.listVolumes({ filters })
  await Promise.all(Volumes.map(({ Name }) => docker.getVolume(Name).remove()))
  const networks = await docker.listNetworks({ filters })
  await Promise.all(networks.map(({ Id }) => docker.getNetwork(Id).remove()))
}
