/** On real parts: stop is accepted in every phase of STARTING and cancels it; nothing is left, nothing billed, nothing pushed. */
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { expectNothingLeft } from './data.ts'
import { type World, world } from './world.ts'

/** From the wish, beside the grace of the container that has to end; in ms. */
const LIMIT_MS = 2000
const MOVER_GRACE_MS = 2000
const EDITOR_GRACE_MS = 30_000

let catalogue: string
let w: World
beforeAll(async () => {
  catalogue = await narrowCatalogue()
  w = await world({ CATALOGUE: catalogue })
})
afterAll(async () => {
  await w[Symbol.asyncDispose]()
  await rm(dirname(catalogue), { recursive: true })
})

/** One light notebook fits on the node, and there is an image that takes a minute to make and is made for nobody else. */
async function narrowCatalogue(): Promise<string> {
  const { NCPU } = await connectDocker(inject('dockerHost')).info()
  const file = await makeLightCatalogue((catalogue) => {
    catalogue.overcommit.cpu = 0.15 / NCPU
    catalogue.images.slow = { build: 'slow', needs: 'base', args: { NONCE: randomBytes(8).toString('hex') } }
    catalogue.frameworks.push({ id: 'slow', name: 'Slow', versions: [{ version: '1', images: { light: 'slow' } }] })
  })
  const folder = join(dirname(file), 'slow')
  await mkdir(folder)
  await writeFile(join(folder, 'Dockerfile'), 'ARG BASE\nFROM $BASE\nARG NONCE\nRUN sleep 60 && echo $NONCE\n')
  return file
}

/** Stops it and answers how long its way down took until no container was left, in ms. */
async function cancel({ id, uuid }: { id: string; uuid: string }): Promise<number> {
  const wishedAt = Date.now()
  const stopped = await w.stop(id)
  expect(stopped).toMatchObject({ reason: 'USER', startedAt: null, exitCode: null })
  await expectNothingLeft(w, uuid)
  expect(await w.database.billingPeriod.count({ where: { notebookId: uuid } })).toBe(0)
  const saving = await w.timeOf({ uuid }, 'SAVING_WORKSPACE')
  return (saving ?? Date.parse(stopped.stoppedAt ?? '')) - wishedAt
}

async function expectNothingPushed({ uuid }: { uuid: string }): Promise<void> {
  expect(await w.database.dataSync.count({ where: { notebookId: uuid, direction: 'PUSH' } })).toBe(0)
  expect([...(await w.buckets.list(w.workspaceBucket, uuid)).keys()]).toEqual([])
}

test('in QUEUED', async () => {
  const first = await w.runLight()
  const waiting = await w.createLight()
  await w.untilItem(waiting, (item) => item.__typename === 'PhaseChanged' && item.phase === 'QUEUED')
  expect(await cancel(waiting)).toBeLessThan(LIMIT_MS)
  await expectNothingPushed(waiting)
  await w.stop(first.id)
})

test('in PULLING_DATA, while bytes move: the mover ends, and what it pulled goes', async () => {
  const objects = Object.fromEntries(
    Array.from({ length: 24 }, (_, index) => [`file-${index}`, randomBytes(8 * 2 ** 20)]),
  )
  const bucket = await w.bucket(objects)
  const before = await w.buckets.list(bucket)
  const volume = { bucket: { dataStoreId: await w.dataStore(), bucket }, mountPath: '/mnt/large' }
  const notebook = await w.createLight({ volumes: [{ ...volume, permission: 'RWD' }] })
  await w.untilItem(
    notebook,
    (item) => item.__typename === 'SyncProgressed' && item.sync.state === 'RUNNING' && Number(item.sync.bytesDone) > 0,
  )
  expect(await cancel(notebook)).toBeLessThan(LIMIT_MS + MOVER_GRACE_MS)
  await expectNothingPushed(notebook)
  expect(await w.buckets.list(bucket)).toEqual(before)
})

test('in PULLING_IMAGE, while it is made', async () => {
  const notebook = await w.createLight({ framework: 'slow' })
  await w.untilItem(notebook, (item) => item.__typename === 'PhaseChanged' && /step/.test(item.message ?? ''))
  expect(await cancel(notebook)).toBeLessThan(LIMIT_MS)
  await expectNothingPushed(notebook)
})

/** Fails until the container runs and listens. */
async function writeEarly(notebook: { uuid: string }): Promise<true> {
  const inside = await w.inside(notebook)
  await inside.write('/workspace/early', 'early')
  return true
}

test('in STARTING_CONTAINER, while the editor does not answer; what the container wrote is saved', async () => {
  const notebook = await w.createLight({ env: [{ name: 'LIGHT_SILENT', value: '1' }] })
  await w.untilItem(notebook, (item) => item.__typename === 'PhaseChanged' && item.phase === 'STARTING_CONTAINER')
  await w.untilSo(() => writeEarly(notebook).catch(() => false))
  expect(await cancel(notebook)).toBeLessThan(LIMIT_MS + EDITOR_GRACE_MS)
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/early`)).toBe('early')
})

test('after a start that was cancelled, the next one goes through', async () => {
  const notebook = await w.createLight(LIGHT)
  await cancel(notebook)
  await w.start(notebook.id)
  await w.client().waitFor(notebook.id, 'RUNNING')
  await w.stop(notebook.id)
})
