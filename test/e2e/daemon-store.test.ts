/** On real parts: the embedded object store is in the daemon's care, and comes back with it, unless it was taken down. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { until } from '../../src/embedded/daemon.ts'
import { ensureObjectStore, stopObjectStore } from '../../src/embedded/object-store.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { ImageBuilder } from '../../src/images/builder.ts'
import { removeInstallation } from '../testkit/leftovers.ts'
import { startPrivateDaemon } from '../testkit/private-daemon.ts'

const ANSWER_LIMIT = 60

test('kill -9 of the daemon: its next start brings the object store back, and not one that was taken down', async () => {
  const catalogueFile = inject('lightCatalogue')
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const imagesIn = (docker: ReturnType<typeof connectDocker>) =>
    new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  const host = connectDocker(inject('dockerHost'))
  await using daemon = await startPrivateDaemon(host, [imagesIn(host).nameOf('s3')])
  const { docker } = daemon
  const installation = randomUUID()
  const home = await mkdtemp(join(tmpdir(), 'cahier-store-'))
  try {
    const images = imagesIn(docker)
    const { endpoint } = await ensureObjectStore({ docker, installation, home, images }, () => undefined)
    await daemon.kill()
    await daemon.start()
    const answers = () =>
      fetch(endpoint).then(
        () => true,
        () => false,
      )
    expect(await until(answers, ANSWER_LIMIT)).toBe(true)

    expect(await stopObjectStore(docker, home)).toBe(true)
    await daemon.stop()
    await daemon.start()
    expect(await docker.listContainers({ all: true })).toEqual([])
    expect((await docker.listVolumes()).Volumes).toHaveLength(1)
  } finally {
    await removeInstallation(docker, installation)
    await rm(home, { recursive: true })
  }
})
