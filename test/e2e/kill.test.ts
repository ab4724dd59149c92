/**
 * kill -9 of the control plane in the middle of the main job. The next one takes over where it was, and the job ends as if
 * nothing had happened: the same files, one run on the bill, nothing twice and nothing left behind.
 */
import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import type { StreamItem } from '../../src/sdk/client.ts'
import { StopNotebookDocument } from '../../src/sdk/generated/operations.ts'
import { type World, world } from './world.ts'

const MIB = 2 ** 20
const IMAGES = fileURLToPath(new URL('../../images', import.meta.url))

let w: World
afterEach(() => w[Symbol.asyncDispose]())

const entersPhase = (phase: string) => (item: StreamItem) => item.__typename === 'PhaseChanged' && item.phase === phase

const moves = (direction: 'PULL' | 'PUSH') => (item: StreamItem) =>
  item.__typename === 'SyncProgressed' &&
  item.sync.direction === direction &&
  item.sync.state === 'RUNNING' &&
  Number(item.sync.bytesDone) > 0

/** Files that take a while to carry, and what their digest is. */
async function largeBucket() {
  const files = Object.fromEntries(Array.from({ length: 24 }, (_, index) => [`file-${index}`, randomBytes(8 * MIB)]))
  return { bucket: await w.bucket(files), cell: digestOf('/workspace/large') }
}

/** A cell that prints how many files a folder has, and their bytes. */
const digestOf = (folder: string) => `
import os
sizes = [os.path.getsize(os.path.join('${folder}', name)) for name in os.listdir('${folder}')]
print(len(sizes), sum(sizes))
`

/** One run on the bill, and nothing of the notebook in the engine. */
async function expectCleanEnd(notebookId: string, uuid: string): Promise<void> {
  await w.stop(notebookId)
  const periods = await w.database.billingPeriod.findMany({ where: { notebookId: uuid } })
  expect(periods).toHaveLength(1)
  expect(periods[0]?.endedAt).not.toBeNull()
  expect(await enginesContainers(uuid)).toEqual([])
  expect(await w.database.localCopy.count()).toBe(0)
}

async function enginesContainers(uuid: string): Promise<string[]> {
  const containers = await w.docker.listContainers({ all: true, filters: { label: [`cahier.notebook=${uuid}`] } })
  return containers.map(({ Names }) => Names[0] ?? '')
}

test('during a pull: the mover goes on without us, and its work is not done twice', async () => {
  w = await world()
  const { bucket, cell } = await largeBucket()
  const volume = {
    bucket: { dataStoreId: await w.dataStore(), bucket },
    mountPath: '/workspace/large',
    permission: 'RO' as const,
  }
  const notebook = await w.create({ volumes: [volume] })
  await w.untilItem(notebook, moves('PULL'))
  await w.killAndRestart()
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(await w.jupyter(running).run(cell)).toBe(`24 ${24 * 8 * MIB}\n`)
  expect(await w.database.dataSync.findMany({ where: { direction: 'PULL' } })).toMatchObject([
    { state: 'DONE' },
    { state: 'DONE' },
  ])
  await expectCleanEnd(notebook.id, notebook.uuid)
})

test('while an image is made: it is made by the next', async () => {
  const images = await slowImages()
  w = await world({ CATALOGUE: join(images, 'catalogue.json') })
  const notebook = await w.create({ framework: 'slow' })
  await w.untilItem(notebook, (item) => item.__typename === 'PhaseChanged' && /step/.test(item.message ?? ''))
  await w.killAndRestart()
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(await w.jupyter(running).run('print(6 * 7)')).toBe('42\n')
  await expectCleanEnd(notebook.id, notebook.uuid)
  await rm(images, { recursive: true })
})

/** The images that come with Cahier, and one more that takes seconds to make and is made for nobody else. */
async function slowImages(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cahier-images-'))
  await cp(IMAGES, folder, { recursive: true })
  const catalogue = JSON.parse(await readFile(join(folder, 'catalogue.json'), 'utf8'))
  catalogue.images.slow = { build: 'slow', needs: 'jupyterlab-python', args: { NONCE: randomBytes(8).toString('hex') } }
  catalogue.frameworks.push({ id: 'slow', name: 'Slow', versions: [{ version: '1', images: { jupyterlab: 'slow' } }] })
  await writeFile(join(folder, 'catalogue.json'), JSON.stringify(catalogue))
  await cp(join(folder, 'mover'), join(folder, 'slow'), { recursive: true })
  await writeFile(join(folder, 'slow', 'Dockerfile'), 'ARG BASE\nFROM $BASE\nARG NONCE\nRUN sleep 4 && echo $NONCE\n')
  return folder
}

test('while the container starts: there is one container, and it is used', async () => {
  w = await world()
  const notebook = await w.create({})
  await w.untilItem(notebook, entersPhase('STARTING_CONTAINER'))
  await w.killAndRestart()
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(await enginesContainers(notebook.uuid)).toHaveLength(1)
  expect(await w.jupyter(running).run('print(6 * 7)')).toBe('42\n')
  await expectCleanEnd(notebook.id, notebook.uuid)
})

test('while it is RUNNING: the container, its kernel and its run go on', async () => {
  w = await world()
  const notebook = await w.create({})
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  await w.jupyter(running).run("open('/workspace/written', 'w').write('before the kill')")
  const containers = await enginesContainers(notebook.uuid)
  await w.killAndRestart()
  expect(await enginesContainers(notebook.uuid)).toEqual(containers)
  const after = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(after.startedAt).toBe(running.startedAt)
  expect(await w.jupyter(after).run("print(open('/workspace/written').read())")).toBe('before the kill\n')
  await expectCleanEnd(notebook.id, notebook.uuid)
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/written`)).toBe('before the kill')
})

test('during a push: everything written arrives, and only then the local copy goes', async () => {
  w = await world()
  const notebook = await w.create({})
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  await w.jupyter(running).run(`
import os
os.mkdir('/workspace/large')
for index in range(24): open(f'/workspace/large/file-{index}', 'wb').write(os.urandom(${8 * MIB}))
`)
  await w.client().request(StopNotebookDocument, { input: { notebookId: notebook.id } })
  await w.untilItem(notebook, moves('PUSH'))
  await w.killAndRestart()
  await w.client().waitFor(notebook.id, 'STOPPED')
  const saved = await w.buckets.list(w.workspaceBucket, `${notebook.uuid}/large/file-`)
  expect([...saved.values()].map(({ bytes }) => bytes)).toEqual(Array.from({ length: 24 }, () => 8 * MIB))
  expect(await enginesContainers(notebook.uuid)).toEqual([])
  expect(await w.database.localCopy.count()).toBe(0)
  expect(await w.database.billingPeriod.count({ where: { endedAt: { not: null } } })).toBe(1)
})
