import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FreshDatabase, freshDatabase } from '../../test/testkit/database.ts'
import type { Prisma } from '../generated/prisma/client.ts'
import { recordNode } from './installation.ts'
import { queuePositions, takeTurn, wakeQueue } from './queue.ts'

const NODE = 'node-1'
const GIB = 2 ** 30
const V100 = 'Tesla V100S 32 GiB'
const place = { nodeId: NODE, overcommit: { cpu: 1, memory: 1 } }
const START = Date.parse('2026-03-01T12:00:00Z')

let fresh: FreshDatabase
beforeAll(async () => {
  fresh = await freshDatabase()
  await recordNode(fresh.database, 'node-2', { cpus: 64, memoryBytes: 512 * GIB, gpus: [] })
})
afterAll(() => fresh[Symbol.asyncDispose]())

beforeEach(async () => {
  await fresh.database.localCopy.deleteMany()
  await fresh.database.notebook.deleteMany()
  await node({ cpus: 16 })
})

/** What the node has; GPUs by their models. */
function node({ cpus, gpus = [] }: { cpus: number; gpus?: string[] }): Promise<void> {
  const devices = gpus.map((model, index) => ({ id: `gpu-${index}`, model }))
  return recordNode(fresh.database, NODE, { cpus, memoryBytes: 512 * GIB, gpus: devices })
}

async function project(): Promise<string> {
  return (await fresh.database.project.create({ data: { name: 'p' } })).id
}

interface Size {
  cpus: number
  gpus?: number
  model?: string
}

function row(projectId: string, { cpus, gpus = 0, model = V100 }: Size) {
  return {
    projectId,
    name: 'n',
    editor: 'jupyterlab',
    framework: 'python',
    frameworkVersion: '3.13',
    flavor: 'f',
    units: 1,
    heldMilliCpus: cpus * 1000,
    heldMemoryBytes: BigInt(cpus * GIB),
    heldGpus: gpus,
    heldGpuModel: gpus > 0 ? model : null,
  } satisfies Partial<Prisma.NotebookUncheckedCreateInput>
}

let queued = 0

/** Waits since later than all that were queued before, or since `at` seconds after the start. */
async function queue(projectId: string, size: Size, set: { at?: number; desired?: 'STOPPED' } = {}): Promise<string> {
  queued += 1
  const { at = queued / 1000, ...rest } = set
  const phaseStartedAt = new Date(START + at * 1000)
  const { id } = await fresh.database.notebook.create({
    data: { ...row(projectId, size), phase: 'QUEUED', phaseStartedAt, ...rest },
  })
  return id
}

async function hold(projectId: string, size: Size, gpuDevices: string[] = []): Promise<string> {
  const { id } = await fresh.database.notebook.create({
    data: { ...row(projectId, size), state: 'RUNNING', nodeId: NODE, gpuDevices },
  })
  return id
}

const release = (id: string) =>
  fresh.database.notebook.update({
    where: { id },
    data: { nodeId: null, heldMilliCpus: 0, heldMemoryBytes: 0n, heldGpus: 0, gpuDevices: [] },
  })

const turnOf = (id: string) => fresh.database.$transaction((tx) => takeTurn(tx, place, id))

/** Takes its turn and, if it comes, the reservation. */
function reserve(id: string): Promise<string[] | null> {
  return fresh.database.$transaction(async (tx) => {
    const turn = await takeTurn(tx, place, id)
    if (!turn?.admitted) return null
    const { gpuDevices } = turn
    await tx.notebook.update({ where: { id }, data: { phase: 'PULLING_DATA', nodeId: NODE, gpuDevices } })
    return gpuDevices
  })
}

async function order(ids: string[]): Promise<number[]> {
  const positions = await queuePositions(fresh.database, place, ids)
  return ids.map((id) => positions.get(id) ?? 0)
}

async function admitted(ids: string[]): Promise<boolean[]> {
  return Promise.all(ids.map(async (id) => (await turnOf(id))?.admitted ?? false))
}

test('where there is plenty of room everyone is admitted at once, nobody waits for the turn of another', async () => {
  const [a, b] = [await project(), await project()]
  const ids = [await queue(a, { cpus: 4 }), await queue(a, { cpus: 4 }), await queue(b, { cpus: 8 })]
  expect(await admitted(ids)).toEqual([true, true, true])
})

test('within a project: first come, first served; a small one does not take the room of a large one ahead of it', async () => {
  const a = await project()
  await hold(await project(), { cpus: 8 })
  const large = await queue(a, { cpus: 12 })
  const small = await queue(a, { cpus: 1 })
  expect(await order([large, small])).toEqual([1, 2])
  expect(await turnOf(large)).toEqual({ admitted: false, gpuDevices: [], lacks: ['CPUS'] })
  expect(await turnOf(small)).toEqual({ admitted: false, gpuDevices: [], lacks: ['CPUS'] })
})

test('between projects: who holds less is ahead, and what a project queues counts as held by what is behind it', async () => {
  const [a, b] = [await project(), await project()]
  await hold(a, { cpus: 4 })
  const ofA = await queue(a, { cpus: 2 })
  const ofB = [await queue(b, { cpus: 3 }), await queue(b, { cpus: 3 }), await queue(b, { cpus: 3 })]
  expect(await order([...ofB, ofA])).toEqual([1, 2, 4, 3])
})

test('a large request is not starved: who holds nothing is overtaken by nobody that queued later, however small', async () => {
  await hold(await project(), { cpus: 6 })
  const large = await queue(await project(), { cpus: 16 })
  const small = await Promise.all([1, 2, 3].map(async () => queue(await project(), { cpus: 1 })))
  expect(await order([large])).toEqual([1])
  expect(await admitted(small)).toEqual([false, false, false])
})

test('waiting counts: a day of it outweighs a whole node held, so nobody is overtaken for ever', async () => {
  const holder = await project()
  await hold(holder, { cpus: 12 })
  const waiting = await queue(holder, { cpus: 4 })
  const soon = await queue(await project(), { cpus: 4 }, { at: 17 * 3600 })
  const late = await queue(await project(), { cpus: 4 }, { at: 19 * 3600 })
  expect(await order([soon, waiting, late])).toEqual([1, 2, 3])
})

test('who waits for a GPU leaves CPUs and memory to those behind it, until a GPU is free for it', async () => {
  await node({ cpus: 20, gpus: [V100] })
  const runs = await hold(await project(), { cpus: 13, gpus: 1 }, ['gpu-0'])
  const gpu = await queue(await project(), { cpus: 13, gpus: 1 })
  const cpu = await queue(await project(), { cpus: 7 })
  expect(await turnOf(gpu)).toEqual({ admitted: false, gpuDevices: [], lacks: ['GPUS'] })
  expect(await admitted([cpu])).toEqual([true])
  await release(runs)
  expect(await turnOf(gpu)).toEqual({ admitted: true, gpuDevices: ['gpu-0'], lacks: [] })
  const second = await queue(await project(), { cpus: 1 })
  expect(await admitted([cpu, second])).toEqual([true, false])
})

test('a request for several GPUs is not starved by those for one, and models do not stand in each other’s way', async () => {
  await node({ cpus: 64, gpus: [V100, V100, 'L4 24 GiB'] })
  await hold(await project(), { cpus: 1, gpus: 1 }, ['gpu-1'])
  const two = await queue(await project(), { cpus: 1, gpus: 2 })
  const one = await queue(await project(), { cpus: 1, gpus: 1 })
  const other = await queue(await project(), { cpus: 1, gpus: 1, model: 'L4 24 GiB' })
  expect(await admitted([two, one])).toEqual([false, false])
  expect(await turnOf(other)).toEqual({ admitted: true, gpuDevices: ['gpu-2'], lacks: [] })
})

test('no GPU is given to two notebooks, however many ask at once, and a GPU given back is given again', async () => {
  await node({ cpus: 64, gpus: [V100, V100, V100] })
  const a = await project()
  const ids: string[] = []
  for (let count = 0; count < 8; count += 1) ids.push(await queue(a, { cpus: 1, gpus: 1 }))
  const given = (await Promise.all(ids.map(reserve))).filter((devices) => devices !== null)
  expect(given.flat().sort()).toEqual(['gpu-0', 'gpu-1', 'gpu-2'])
  const holder = await fresh.database.notebook.findFirstOrThrow({ where: { gpuDevices: { has: 'gpu-1' } } })
  await release(holder.id)
  const again = (await Promise.all(ids.map((id) => reserve(id)))).filter((devices) => devices !== null)
  expect(again).toEqual([['gpu-1']])
})

test('two reservations never both pass on the last unit: 30 at once on 3 CPUs give exactly 3', async () => {
  await node({ cpus: 3 })
  const a = await project()
  const ids = await Promise.all(Array.from({ length: 30 }, () => queue(a, { cpus: 1 })))
  const given = (await Promise.all(ids.map(reserve))).filter((devices) => devices !== null)
  expect(given).toHaveLength(3)
  expect(await fresh.database.notebook.count({ where: { nodeId: NODE } })).toBe(3)
})

test('who is to stop, is bound to another node, or is larger than the node holds up nobody', async () => {
  const a = await project()
  const toStop = await queue(a, { cpus: 16 }, { desired: 'STOPPED' })
  const tooLarge = await queue(a, { cpus: 17 })
  const bound = await queue(a, { cpus: 16 })
  const files = { target: 'workspace', engineVolume: 'v', written: true }
  await fresh.database.localCopy.create({ data: { notebookId: bound, nodeId: 'node-2', ...files } })
  const next = await queue(a, { cpus: 16 })
  expect(await order([toStop, tooLarge, bound, next])).toEqual([0, 0, 0, 1])
  expect([await turnOf(toStop), await turnOf(tooLarge), await turnOf(bound)]).toEqual([null, null, null])
  expect(await admitted([next])).toEqual([true])
})

test('CPUs and memory are given out as often as the operator says', async () => {
  const a = await project()
  await hold(a, { cpus: 16 })
  const id = await queue(a, { cpus: 16 })
  expect(await turnOf(id)).toMatchObject({ admitted: false })
  const twice = { nodeId: NODE, overcommit: { cpu: 2, memory: 1 } }
  expect(await fresh.database.$transaction((tx) => takeTurn(tx, twice, id))).toMatchObject({ admitted: true })
})

test('a release wakes those for whom there is room now, and nobody else: of 1 000 that wait, one', async () => {
  const [a, b] = [await project(), await project()]
  const runs = await hold(a, { cpus: 1 })
  await hold(b, { cpus: 15 })
  const first = await queue(a, { cpus: 1 })
  const rest = Array.from({ length: 999 }, (_, index) => ({
    ...row(index % 2 === 0 ? a : b, { cpus: 1 }),
    id: randomUUID(),
    phase: 'QUEUED' as const,
    phaseStartedAt: new Date(START + 60_000 + index),
  }))
  await fresh.database.notebook.createMany({ data: rest })
  const woken = () => fresh.database.notebook.findMany({ where: { wakes: { gt: 0 } }, select: { id: true } })
  await wakeQueue(fresh.database, place)
  expect(await woken()).toEqual([])
  await release(runs)
  await wakeQueue(fresh.database, place)
  expect(await woken()).toEqual([{ id: first }])
})
