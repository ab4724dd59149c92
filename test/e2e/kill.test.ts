/**
 * kill -9 of a whole Cahier in the middle of the main job, where work is under way that no step of the journal begins or ends. The
 * next one takes over where it was, and the job ends as if nothing had happened: the same files, one run on the bill, nothing twice
 * and nothing left behind. The editor is a light one, but where a kernel has to live on.
 */
import { randomBytes } from 'node:crypto'
import { cp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { StreamItem } from '../../src/sdk/client.ts'
import { StopNotebookDocument } from '../../src/sdk/generated/operations.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { lightWorld, type World } from './world.ts'

/** Files that take a while to carry. */
const FILES = 24
const FILE_BYTES = 4 * 2 ** 20

let w: World
afterEach(() => w[Symbol.asyncDispose]())

const entersPhase = (phase: string) => (item: StreamItem) => item.__typename === 'PhaseChanged' && item.phase === phase

const moves = (direction: 'PULL' | 'PUSH') => (item: StreamItem) =>
  item.__typename === 'SyncProgressed' &&
  item.sync.direction === direction &&
  item.sync.state === 'RUNNING' &&
  Number(item.sync.bytesDone) > 0

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
  w = await lightWorld()
  const objects = Array.from({ length: FILES }, (_, index) => [`file-${index}`, randomBytes(FILE_BYTES)] as const)
  const volume = {
    bucket: { dataStoreId: await w.dataStore(), bucket: await w.bucket(Object.fromEntries(objects)) },
    mountPath: '/workspace/large',
    permission: 'RO' as const,
  }
  const notebook = await w.createLight({ volumes: [volume] })
  await w.untilItem(notebook, moves('PULL'))
  await w.killAndRestart()
  await w.client().waitFor(notebook.id, 'RUNNING')
  const inside = await w.inside(notebook)
  expect(await inside.run('ls large | wc -l; cat large/* | wc -c')).toBe(`${FILES}\n${FILES * FILE_BYTES}\n`)
  expect(await w.database.dataSync.findMany({ where: { direction: 'PULL' } })).toMatchObject([
    { state: 'DONE' },
    { state: 'DONE' },
  ])
  await expectCleanEnd(notebook.id, notebook.uuid)
})

test('while an image is made: it is made by the next', async () => {
  const catalogue = await makeSlowCatalogue()
  w = await lightWorld({ CATALOGUE: catalogue })
  const notebook = await w.createLight({ framework: 'slow' })
  await w.untilItem(notebook, (item) => item.__typename === 'PhaseChanged' && /step/.test(item.message ?? ''))
  await w.killAndRestart()
  await w.client().waitFor(notebook.id, 'RUNNING')
  expect(await (await w.inside(notebook)).run('cat /made')).toBe('slowly\n')
  await expectCleanEnd(notebook.id, notebook.uuid)
  await rm(dirname(catalogue), { recursive: true })
})

/** With an image that takes seconds to make and is made for nobody else. */
async function makeSlowCatalogue(): Promise<string> {
  const catalogueFile = await makeLightCatalogue((catalogue) => {
    catalogue.images.slow = { build: 'slow', needs: 'light', args: { NONCE: randomBytes(8).toString('hex') } }
    catalogue.frameworks.push({
      id: 'slow',
      name: 'Slow',
      versions: [{ version: '1', images: { [LIGHT.editor]: 'slow' } }],
    })
  })
  const folder = join(dirname(catalogueFile), 'slow')
  await cp(join(dirname(catalogueFile), 'light'), folder, { recursive: true })
  const dockerfile = 'ARG BASE\nFROM $BASE\nARG NONCE\nUSER 0\nRUN sleep 4 && echo slowly > /made\nUSER 42420:42420\n'
  await writeFile(join(folder, 'Dockerfile'), dockerfile)
  return catalogueFile
}

test('while the container starts: there is one container, and it is used', async () => {
  w = await lightWorld()
  const notebook = await w.createLight()
  await w.untilItem(notebook, entersPhase('STARTING_CONTAINER'))
  await w.killAndRestart()
  await w.client().waitFor(notebook.id, 'RUNNING')
  expect(await enginesContainers(notebook.uuid)).toHaveLength(1)
  await expectCleanEnd(notebook.id, notebook.uuid)
})

test('while it is RUNNING: the container, its kernel and its run go on', async () => {
  w = await lightWorld()
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
  w = await lightWorld()
  const notebook = await w.runLight({ units: 4 })
  await notebook.inside.run(
    `mkdir large && for i in $(seq ${FILES}); do head -c ${FILE_BYTES} /dev/urandom > large/file-$i; done`,
  )
  await w.client().request(StopNotebookDocument, { input: { notebookId: notebook.id } })
  await w.untilItem(notebook, moves('PUSH'))
  await w.killAndRestart()
  await w.client().waitFor(notebook.id, 'STOPPED')
  const saved = await w.buckets.list(w.workspaceBucket, `${notebook.uuid}/large/file-`)
  expect([...saved.values()].map(({ bytes }) => bytes)).toEqual(Array.from({ length: FILES }, () => FILE_BYTES))
  expect(await enginesContainers(notebook.uuid)).toEqual([])
  expect(await w.database.localCopy.count()).toBe(0)
  expect(await w.database.billingPeriod.count({ where: { endedAt: { not: null } } })).toBe(1)
})
