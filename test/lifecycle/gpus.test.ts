/** GPUs in a notebook's life: the very devices are reserved, used by one notebook only, kept by a restart, and given back. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

const GIB = 2 ** 30
const V100 = 'Tesla V100S 32 GiB'

let w: World
beforeEach(async () => {
  w = await world()
  const gpus = ['GPU-a', 'GPU-b'].map((id) => ({ id, model: V100 }))
  await w.resize({ cpus: 64, memoryBytes: 512 * GIB, gpus })
})
afterEach(() => w[Symbol.asyncDispose]())

/** One of the default flavor. */
const gpuNotebook = () =>
  w.notebook([], {
    flavor: 'ai1-1-gpu',
    heldMilliCpus: 13_000,
    heldMemoryBytes: BigInt(40 * GIB),
    heldGpus: 1,
    heldGpuModel: V100,
  })

/** The devices that the notebook's running container was made with. */
const devicesIn = (id: string) =>
  w
    .containers()
    .filter(
      ({ spec, state }) => spec.identity.notebook === id && spec.identity.role === 'notebook' && state === 'running',
    )
    .flatMap(({ spec }) => spec.gpuDevices ?? [])

test('a GPU is reserved as a device that no other notebook has; who finds none waits and says for what', async () => {
  w.control()
  const notebooks = [await gpuNotebook(), await gpuNotebook(), await gpuNotebook()]
  const ids = notebooks.map(({ id }) => id)
  for (const id of ids) await w.until(id, ({ state, reason }) => state === 'RUNNING' || reason === 'CAPACITY')
  const waiting = await w.database.notebook.findFirstOrThrow({ where: { phase: 'QUEUED' } })
  expect(waiting.message).toBe(`Waiting for 1 × ${V100} to be free for it on the node.`)
  const running = ids.filter((id) => id !== waiting.id)
  expect(running.flatMap(devicesIn).sort()).toEqual(['GPU-a', 'GPU-b'])

  const [first = ''] = running
  const [device] = devicesIn(first)
  await w.wish(first, stop)
  expect(await w.until(first, isSettled)).toMatchObject({ gpuDevices: [], heldGpus: 0, heldGpuModel: null })
  await w.until(waiting.id, isRunning)
  expect(devicesIn(waiting.id)).toEqual([device])
})

test('a restart keeps the devices', async () => {
  w.control()
  const { id } = await gpuNotebook()
  await w.until(id, isRunning)
  const before = devicesIn(id)
  await w.wish(id, { restartWished: true })
  await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
  expect(before).toHaveLength(1)
  expect(devicesIn(id)).toEqual(before)
})
