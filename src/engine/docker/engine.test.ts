/** What reaches a Docker daemon, as a real HTTP request on a socket. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ContainerEngine, ContainerSpec } from '../port.ts'
import { connectDocker } from './connect.ts'
import { createDockerEngine } from './engine.ts'

const GIB = 2 ** 30
const V100 = 'Tesla V100S 32 GiB'
const gpus = [
  { id: 'GPU-1a', model: V100 },
  { id: 'GPU-2b', model: V100 },
]

interface Body {
  HostConfig: { NanoCpus: number; Memory: number; MemorySwap: number; ShmSize?: number; DeviceRequests?: unknown }
}

let engine: ContainerEngine
let folder: string
let bodies: Body[] = []

/** A daemon on a node of 2 CPUs and 8 GiB that takes every container. */
const daemon = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  if (request.url?.includes('/info')) return void response.end(JSON.stringify({ NCPU: 2, MemTotal: 8 * GIB }))
  json(request).then(
    (body) => {
      bodies.push(body as Body)
      response.writeHead(201).end(JSON.stringify({ Id: 'made', Warnings: [] }))
    },
    () => response.writeHead(400).end(),
  )
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'docker-'))
  daemon.listen(join(folder, 'docker.sock'))
  await once(daemon, 'listening')
  engine = createDockerEngine({
    docker: connectDocker(`unix://${folder}/docker.sock`),
    installation: 'i',
    nodeId: 'n',
    gpus,
    images: { nameOf: (id) => id, isThere: async () => true, provide: async () => undefined },
  })
})
afterAll(async () => {
  daemon.close()
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  bodies = []
})

const spec: ContainerSpec = {
  identity: { installation: 'i', notebook: 'b', generation: 1, role: 'notebook' },
  image: 'image',
  command: null,
  env: {},
  user: '42420:42420',
  cpus: 1.5,
  memoryBytes: 4 * GIB,
  shmBytes: 2 * GIB,
  network: 'notebooks',
  mounts: [],
  port: null,
  stdin: false,
  readOnlyRoot: false,
}

async function requestFor(changes: Partial<ContainerSpec>): Promise<Body['HostConfig']> {
  expect(await engine.create({ ...spec, ...changes })).toBe('made')
  return (bodies[0] as Body).HostConfig
}

test('GPUs are requested from Docker as device requests, by the very devices that were reserved', async () => {
  expect((await requestFor({ gpuDevices: ['GPU-2b', 'GPU-1a'] })).DeviceRequests).toEqual([
    { Driver: 'nvidia', DeviceIDs: ['GPU-2b', 'GPU-1a'], Capabilities: [['gpu']] },
  ])
})

test('a container without GPUs requests no device', async () => {
  expect(await requestFor({ gpuDevices: [] })).not.toHaveProperty('DeviceRequests')
})

test('CPU and memory limits are set as the spec says, without swap', async () => {
  expect(await requestFor({})).toMatchObject({
    NanoCpus: 1.5e9,
    Memory: 4 * GIB,
    MemorySwap: 4 * GIB,
    ShmSize: 2 * GIB,
  })
})

test('CPU and memory limits are clamped to what the node has', async () => {
  expect(await requestFor({ cpus: 13, memoryBytes: 40 * GIB, shmBytes: 20 * GIB })).toMatchObject({
    NanoCpus: 2e9,
    Memory: 8 * GIB,
    MemorySwap: 8 * GIB,
    ShmSize: 8 * GIB,
  })
})

test('the node’s capacity is what Docker says of CPUs and memory, and the GPUs that were found', async () => {
  expect(await engine.capacity()).toEqual({ cpus: 2, memoryBytes: 8 * GIB, gpus })
})
