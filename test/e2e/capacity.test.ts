/** On real parts: what a node has is given out once, when the operator says so, and limits are really set. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { LIGHT } from '../testkit/light-catalogue.ts'
import { type World, world } from './world.ts'

const FLAVOR = 'test-vcpu'
const MEMORY_MIB = 256

let w: World
let catalogue: string
beforeAll(async () => {
  const light = inject('lightCatalogue')
  // Beside the other, for the folders of its images.
  catalogue = join(dirname(light), 'catalogue-once.json')
  const { flavors, ...rest } = JSON.parse(await readFile(light, 'utf8'))
  const vcpu = { ...flavors[0], id: FLAVOR, vcpus: 1, memory: `${MEMORY_MIB}MiB`, gpu: null }
  await writeFile(
    catalogue,
    JSON.stringify({ ...rest, overcommit: { cpu: 1, memory: 1 }, flavors: [...flavors, vcpu] }),
  )
  w = await world({ CATALOGUE: catalogue })
})
afterAll(async () => {
  await w[Symbol.asyncDispose]()
  await rm(catalogue)
})

test('at factor 1, one start more than the node has CPUs: exactly one queues, and runs when another stops', async () => {
  const { NCPU }: { NCPU: number } = await w.docker.info()
  await w.database.project.updateMany({ data: { maxVcpus: NCPU + 1 } })
  const starts = Array.from({ length: NCPU + 1 }, () => w.create({ ...LIGHT, flavor: FLAVOR }))
  const notebooks = await Promise.all(starts)
  const waits: (typeof notebooks)[number][] = []
  const runs: (typeof notebooks)[number][] = []
  await Promise.all(
    notebooks.map((notebook) =>
      w.untilItem(notebook, (item) => {
        const isRunning = item.__typename === 'StateChanged' && item.to === 'RUNNING'
        const isWaiting = item.__typename === 'PhaseChanged' && item.phase === 'QUEUED'
        if (isRunning) runs.push(notebook)
        if (isWaiting) waits.push(notebook)
        return isRunning || isWaiting
      }),
    ),
  )
  expect([runs.length, waits.length]).toEqual([NCPU, 1])

  const [run] = runs as [(typeof runs)[number]]
  const { id } = await w.database.container.findFirstOrThrow({ where: { notebookId: run.uuid, role: 'NOTEBOOK' } })
  const { HostConfig } = await w.docker.getContainer(id).inspect()
  expect(HostConfig).toMatchObject({ NanoCpus: 1e9, Memory: MEMORY_MIB * 2 ** 20, MemorySwap: MEMORY_MIB * 2 ** 20 })

  await w.stop(run.id)
  await w.client().waitFor((waits[0] as (typeof waits)[number]).id, 'RUNNING')
})
