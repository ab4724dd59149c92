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

const DOWN = {
  'that restarts in order': { goDown: () => daemon.stop(), ended: 'ENGINE before it is back' },
  // Its next start ends the containers, and sees how.
  'that is killed': { goDown: () => daemon.kill(), ended: 'ENGINE after it is back' },
  // Nobody sees how the containers end.
  'whose machine loses its power': {
    goDown: () => daemon.kill({ containers: true }),
    ended: 'LIVENESS before it is back',
  },
} as const

test.each(Object.entries(DOWN))(
  'under a daemon %s a notebook is RUNNING with a warning, then saved and CONTAINER_LOST, and billed until it ended',
  async (_, { goDown, ended }) => {
    const notebook = await worked(w)
    await goDown()
    await expectWarned(notebook)
    const backAt = new Date()
    await daemon.start()
    const failed = await w.client().waitFor(notebook.id, 'FAILED')
    expect(failed).toMatchObject({ reason: 'CONTAINER_LOST', exitCode: null, oomKilled: null })
    await expectSaved(w, notebook)
    const { endedAt, endSource } = await w.database.billingPeriod.findFirstOrThrow({
      where: { notebookId: notebook.uuid },
    })
    expect(`${endSource} ${endedAt && endedAt < backAt ? 'before' : 'after'} it is back`).toBe(ended)
  },
)

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
