/**
 * On real parts: the Docker daemon goes down and comes back. It never changes a RUNNING state while it is away; what it ended
 * is saved and CONTAINER_LOST, what lives on goes on.
 */
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { lightImages, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { type PrivateDaemon, startPrivateDaemon } from '../testkit/private-daemon.ts'
import { expectSaved, worked } from './data.ts'
import { type World, world } from './world.ts'

let catalogue: string
let daemon: PrivateDaemon
let w: World
beforeAll(async () => {
  // Without the large images, which a daemon of one's own would have to be given.
  catalogue = await makeLightCatalogue((catalogue) => {
    catalogue.frameworks = catalogue.frameworks.filter(({ id }) => id === 'light')
  })
  const host = connectDocker(inject('dockerHost'))
  daemon = await startPrivateDaemon(host, await lightImages(host, catalogue))
  w = await world({ CATALOGUE: catalogue, DOCKER_HOST: daemon.dockerHost })
})
afterAll(async () => {
  await w[Symbol.asyncDispose]()
  await daemon[Symbol.asyncDispose]()
  await rm(dirname(catalogue), { recursive: true })
})

/** While the daemon is away: RUNNING, with a warning. */
async function expectWarned(notebook: { id: string; uuid: string; eventCursor: string }): Promise<void> {
  await w.untilItem(notebook, (item) => item.__typename === 'NotebookWarned' && item.code === 'ENGINE_UNREACHABLE')
  expect(await w.database.notebook.findUnique({ where: { id: notebook.uuid } })).toMatchObject({ state: 'RUNNING' })
}

async function expectLost(notebook: Awaited<ReturnType<typeof worked>>): Promise<void> {
  const failed = await w.client().waitFor(notebook.id, 'FAILED')
  expect(failed).toMatchObject({ reason: 'CONTAINER_LOST', exitCode: null, oomKilled: null })
  await expectSaved(w, notebook)
  // The container ended before it was seen; the minutes after that are nobody's.
  expect(await w.database.billingPeriod.findFirst({ where: { notebookId: notebook.uuid } })).toMatchObject({
    endSource: 'ENGINE',
  })
}

test('a daemon that restarts in order: RUNNING with a warning while it is away, then saved and CONTAINER_LOST', async () => {
  const notebook = await worked(w)
  await daemon.stop()
  await expectWarned(notebook)
  await daemon.start()
  await expectLost(notebook)
})

test('kill -9 of the daemon: RUNNING with a warning while it is away, then saved and CONTAINER_LOST', async () => {
  const notebook = await worked(w)
  await daemon.kill()
  await expectWarned(notebook)
  await daemon.start({ keepContainers: true })
  await expectLost(notebook)
})

test('a container that outlives its daemon goes on in its run; a stop that was wished meanwhile ends it', async () => {
  const notebook = await worked(w)
  await daemon.kill()
  await expectWarned(notebook)
  await daemon.start({ keepContainers: true })
  await w.untilSo(() => w.database.notebook.findFirst({ where: { id: notebook.uuid, attempts: 0 } }))
  expect((await w.inside(notebook)).containerId).toBe(notebook.inside.containerId)
  expect(await w.client().waitFor(notebook.id, 'RUNNING')).toMatchObject({ state: 'RUNNING' })

  await daemon.kill()
  const stopped = w.stop(notebook.id)
  await daemon.start({ keepContainers: true })
  expect(await stopped).toMatchObject({ reason: 'USER' })
  await expectSaved(w, notebook)
})
