import { expect, test } from 'vitest'
import { EXIT, MOVER_PATHS, type Plan, PROTOCOL, type Target } from '../../mover/protocol.ts'
import type { ContainerSpec } from '../port.ts'
import { FakeDaemon } from './daemon.ts'
import { createFakeEngine } from './engine.ts'
import { contentOf, DOOMED, firstFile, lastFile, seenFile, sha256 } from './scribe.ts'

const NEVER = new AbortController().signal
const WORKSPACE = 'volume-w'
const DATA = 'volume-d'

function world() {
  const daemon = new FakeDaemon({ now: () => new Date(), images: ['image'] })
  daemon.programs = daemon.workPrograms()
  return { daemon, engine: createFakeEngine({ daemon, installation: 'i', nodeId: 'node' }) }
}

type World = ReturnType<typeof world>

const specOf = (role: 'mover' | 'notebook', generation: number, mounts: ContainerSpec['mounts']): ContainerSpec => ({
  identity: { installation: 'i', notebook: 'n', generation, role },
  image: 'image',
  command: null,
  env: {},
  user: '42420:42420',
  cpus: 1,
  memoryBytes: 2 ** 29,
  shmBytes: null,
  network: 'data',
  mounts,
  port: null,
  stdin: role === 'mover',
  readOnlyRoot: role === 'mover',
})

const targetOf = (permission: Target['permission']): Target => ({
  id: 'd',
  kind: 'volume',
  permission,
  dataDir: MOVER_PATHS.volume(0),
  sideDir: `${MOVER_PATHS.side}/d`,
  source: {
    type: 'bucket',
    endpoint: 'https://s3.example.com',
    region: 'us-east-1',
    accessKeyId: 'key',
    secretAccessKey: 'secret',
    pathStyle: true,
    bucket: 'data',
    prefix: 'p/',
  },
  reserved: [],
})

async function startMover({ engine }: World, direction: Plan['direction'], permission: Target['permission']) {
  const id = await engine.create(
    specOf('mover', Math.floor(Math.random() * 2 ** 32), [
      { volume: DATA, path: MOVER_PATHS.volume(0), readOnly: direction === 'push' },
      { volume: 'side', path: MOVER_PATHS.side, readOnly: false },
    ]),
  )
  const plan: Plan = {
    protocol: PROTOCOL,
    operation: 'o',
    direction,
    notebook: 'n',
    targets: [targetOf(permission)],
    allowedPrivateAddresses: [],
    confirmDeletions: false,
    diskReserve: { share: 0, bytes: 0 },
  }
  await engine.start(id, JSON.stringify(plan))
  return id
}

/** Answers its exit code. */
async function move(w: World, direction: Plan['direction'], permission: Target['permission']) {
  const id = await startMover(w, direction, permission)
  const lines: string[] = []
  for await (const line of w.engine.lines(id, NEVER)) lines.push(line)
  const exitCode = (await w.engine.inspect(id))?.exitCode
  await w.engine.remove(id, { force: false })
  return { exitCode, last: JSON.parse(lines.at(-1) ?? '{}') }
}

function fill({ daemon }: World, objects: Record<string, string>, files: Record<string, string>): void {
  for (const [key, content] of Object.entries(objects)) daemon.store.bucket('data').set(key, Buffer.from(content))
  daemon.volumes.set(DATA, new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)])))
}

const textOf = (files: ReadonlyMap<string, Buffer> | undefined) =>
  Object.fromEntries([...(files ?? [])].map(([path, content]) => [path, content.toString()]))

test('a pull makes the volume what the bucket is', async () => {
  const w = world()
  fill(w, { 'p/a': 'new', 'p/b': 'same', 'other/c': 'x' }, { a: 'old', b: 'same', lost: 'y' })
  const { exitCode, last } = await move(w, 'pull', 'RW')
  expect(exitCode).toBe(EXIT.DONE)
  expect(textOf(w.daemon.volumes.get(DATA))).toEqual({ a: 'new', b: 'same' })
  expect(last).toMatchObject({ stage: 'done', filesDone: 1, filesDeleted: 1, filesTotal: 2, bytesDone: 3 })
})

test.each([
  ['RW', { 'p/a': 'new', 'p/b': 'back', 'other/c': 'x' }],
  ['RWD', { 'p/a': 'new', 'other/c': 'x' }],
] as const)('a push of %s uploads what differs, and deletes only where it may', async (permission, expected) => {
  const w = world()
  fill(w, { 'p/a': 'old', 'p/b': 'back', 'other/c': 'x' }, { a: 'new' })
  await move(w, 'push', permission)
  expect(textOf(w.daemon.store.bucket('data'))).toEqual(expected)
})

test('a bucket that refuses, or does not answer, fails its targets and moves nothing', async () => {
  const w = world()
  fill(w, {}, { a: 'new' })
  w.daemon.store.fail('data', { kind: 'data', message: 'Access denied.' })
  expect(await move(w, 'push', 'RW')).toMatchObject({ exitCode: EXIT.DATA, last: { stage: 'failed' } })
  w.daemon.store.fail('data', { kind: 'store', message: 'Connection refused.' })
  expect((await move(w, 'push', 'RW')).exitCode).toBe(EXIT.STORE)
  expect(w.daemon.store.bucket('data').size).toBe(0)
  w.daemon.store.fail('data', null)
  await move(w, 'push', 'RW')
  expect(textOf(w.daemon.store.bucket('data'))).toEqual({ 'p/a': 'new' })
})

test('a mover that is killed carries no further file', async () => {
  const w = world()
  fill(w, {}, { a: '1', b: '2' })
  w.daemon.store.hold('data')
  const id = await startMover(w, 'push', 'RW')
  w.daemon.end(id, { code: 137, oomKilled: false })
  w.daemon.store.release('data')
  await move(w, 'pull', 'RO')
  expect(w.daemon.store.bucket('data').size).toBe(0)
})

test('the history tells of a volume that was removed with files that its bucket did not have', async () => {
  const w = world()
  fill(w, {}, { a: 'new' })
  await move(w, 'push', 'RW')
  w.daemon.volumes.get(DATA)?.set('b', Buffer.from('later'))
  await w.engine.removeVolume(DATA)
  expect(w.daemon.history.at(-1)).toMatchObject({ what: 'volumeRemoved', volume: DATA, unsaved: ['b'] })
})

test('a notebook leaves files in its writable places at its start and at its end, and says what it found', async () => {
  const { daemon, engine } = world()
  daemon.volumes.set(DATA, new Map([[DOOMED, Buffer.from('x')]]))
  const mounts = [
    { volume: WORKSPACE, path: '/workspace', readOnly: false },
    { volume: DATA, path: '/workspace/d', readOnly: false },
    { volume: 'ro', path: '/mnt/ro', readOnly: true },
  ]
  const id = await engine.create(specOf('notebook', 3, mounts))
  await engine.start(id)
  await engine.stop(id, 30)
  expect(await engine.inspect(id)).toMatchObject({ exitCode: 0 })
  expect(textOf(daemon.volumes.get(DATA))).toEqual({
    [firstFile(3)]: contentOf({ notebook: 'n' }, '/workspace/d', firstFile(3)).toString(),
    [lastFile(3)]: contentOf({ notebook: 'n' }, '/workspace/d', lastFile(3)).toString(),
  })
  expect(daemon.volumes.get('ro')?.size).toBe(0)
  const seen = daemon.volumes.get(WORKSPACE)?.get(seenFile(3))?.toString() ?? ''
  expect(JSON.parse(seen)).toEqual({ [`/workspace/d/${DOOMED}`]: sha256(Buffer.from('x')) })
})
