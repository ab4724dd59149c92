/** On real parts: however a run ends, the workspace is saved and RW and RWD volumes are pushed before the notebook settles. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectSaved, worked } from './data.ts'
import { lightWorld, type World } from './world.ts'

/** In seconds: what a test that ignores SIGTERM waits for. */
const GRACE = 2

let w: World
beforeAll(async () => {
  w = await lightWorld({ STOP_GRACE_SECONDS: String(GRACE) })
})
afterAll(() => w[Symbol.asyncDispose]())

const LOG = Array.from({ length: 120 }, (_, index) => `line ${index}`)

describe.concurrent('however a run ends, everything is saved before the notebook settles', () => {
  test('the user stops it: STOPPED, USER', async () => {
    const notebook = await worked(w)
    expect(await w.stop(notebook.id)).toMatchObject({ reason: 'USER', exitCode: null, lastLogLines: [] })
    await expectSaved(w, notebook)
  })

  test('the user stops it, and it ignores SIGTERM: SIGKILL after the grace', async () => {
    const notebook = await worked(w)
    await notebook.inside.ignoreSigterm()
    await w.stop(notebook.id)
    const [stopping, saving] = [
      await w.timeOf(notebook, 'STOPPING_CONTAINER'),
      await w.timeOf(notebook, 'SAVING_WORKSPACE'),
    ]
    expect(Number(saving) - Number(stopping)).toBeGreaterThanOrEqual(GRACE * 1000)
    await expectSaved(w, notebook)
  })

  test('the run limit: STOPPED, RUN_LIMIT', async () => {
    const notebook = await worked(w, { maxRunSeconds: 60 })
    await w.reachLimit(notebook)
    expect(await w.client().waitFor(notebook.id, 'STOPPED')).toMatchObject({ reason: 'RUN_LIMIT' })
    await expectSaved(w, notebook)
  })

  test('it exits 0: STOPPED, EXITED', async () => {
    const notebook = await worked(w)
    await notebook.inside.exit(0)
    expect(await w.client().waitFor(notebook.id, 'STOPPED')).toMatchObject({ reason: 'EXITED', exitCode: 0 })
    await expectSaved(w, notebook)
  })

  test('it exits with another code: FAILED, EXITED, with the code and the last 100 log lines', async () => {
    const notebook = await worked(w)
    await notebook.inside.print(LOG)
    await notebook.inside.exit(3)
    expect(await w.client().waitFor(notebook.id, 'FAILED')).toMatchObject({
      reason: 'EXITED',
      message: 'The notebook ended with exit code 3.',
      exitCode: 3,
      oomKilled: false,
      lastLogLines: LOG.slice(-100),
    })
    await expectSaved(w, notebook)
  })

  test('its process runs out of memory: FAILED, OUT_OF_MEMORY', async () => {
    const notebook = await worked(w)
    await notebook.inside.exhaustMemory()
    expect(await w.client().waitFor(notebook.id, 'FAILED')).toMatchObject({
      reason: 'OUT_OF_MEMORY',
      exitCode: 137,
      oomKilled: true,
    })
    await expectSaved(w, notebook)
  })

  test('a child runs out of memory: a warning and no change of state; an exit 0 after it is STOPPED', async () => {
    const notebook = await worked(w)
    await notebook.inside.exhaustMemoryInChild()
    await w.untilItem(notebook, (item) => item.__typename === 'NotebookWarned' && item.code === 'OUT_OF_MEMORY')
    expect(await w.client().waitFor(notebook.id, 'RUNNING')).toMatchObject({ state: 'RUNNING', reason: null })
    await notebook.inside.exit(0)
    expect(await w.client().waitFor(notebook.id, 'STOPPED')).toMatchObject({ reason: 'EXITED', exitCode: 0 })
    await expectSaved(w, notebook)
  })

  test('it is killed from outside: FAILED, EXITED, with code 137, and not OUT_OF_MEMORY', async () => {
    const notebook = await worked(w)
    await w.docker.getContainer(notebook.inside.containerId).kill()
    expect(await w.client().waitFor(notebook.id, 'FAILED')).toMatchObject({
      reason: 'EXITED',
      exitCode: 137,
      oomKilled: false,
    })
    await expectSaved(w, notebook)
  })

  test('its container is removed from outside: noticed within 5 s; FAILED, CONTAINER_LOST', async () => {
    const notebook = await worked(w)
    await w.docker.getContainer(notebook.inside.containerId).remove({ force: true })
    const removedAt = Date.now()
    expect(await w.client().waitFor(notebook.id, 'FAILED')).toMatchObject({ reason: 'CONTAINER_LOST', exitCode: null })
    expect(Number(await w.timeOf(notebook, 'STOPPING_CONTAINER')) - removedAt).toBeLessThan(5000)
    await expectSaved(w, notebook)
  })

  test('it is deleted by force: everything is saved before it is gone', async () => {
    const notebook = await worked(w)
    await w.delete(notebook.id, { force: true })
    await w.client().waitUntilDeleted(notebook.id)
    await expectSaved(w, notebook)
  })
})

test('restartNotebook replaces the container without copying data; workspace, volumes and URL stay, and a new run begins', async () => {
  const notebook = await worked(w)
  const syncs = await w.database.dataSync.count({ where: { notebookId: notebook.uuid } })
  await w.restartNotebook(notebook.id)
  await w.untilItem(notebook, (item) => item.__typename === 'StateChanged' && item.from === 'STOPPING')
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(running.url).toBe(notebook.url)
  const inside = await w.inside(notebook)
  expect(inside.containerId).not.toBe(notebook.inside.containerId)
  expect(await inside.run('cat folder/kept /mnt/rw/new /mnt/rwd/new')).toBe('keptnewnew')
  expect(await w.database.dataSync.count({ where: { notebookId: notebook.uuid } })).toBe(syncs)
  const periods = await w.database.billingPeriod.findMany({ where: { notebookId: notebook.uuid } })
  expect(periods.map(({ endedAt }) => endedAt === null).sort()).toEqual([false, true])
  await w.stop(notebook.id)
})
