/** What cannot be saved is kept, and the ways out of it. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeId } from '../../src/domain/ids.ts'
import { SAVE_RETRY_SECONDS, STALL_SECONDS } from '../../src/domain/lifecycle.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import type { TargetError } from '../../src/mover/protocol.ts'
import { deleteNotebook, retryNotebookSync, startNotebook, stopNotebook } from '../../src/usecases/notebooks.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

/** Whoever may do everything with the notebooks of this world. */
async function owner() {
  const project = { projectId: w.project.id, role: 'OWNER' } as const
  const user = await w.database.user.create({ data: { name: randomUUID(), members: { create: project } } })
  return viewerFor(user)
}

describe('what cannot be saved is kept', () => {
  const refuses = (target: string) =>
    moverThat(({ id, kind }, { direction }) =>
      direction === 'push' && (target === 'workspace' ? kind === 'workspace' : id === target)
        ? { state: 'failed', error: { kind: 'data', message: 'Access to the bucket was refused.' } }
        : {},
    )

  test("a refusal of the user's store ends in FAILED with the volume's name, and a retry mends it", async () => {
    w.control()
    const id = await w.running(['RW'])
    const volume = await w.database.volume.findFirstOrThrow({ where: { notebookId: id } })
    w.daemon.programs.mover = refuses(volume.id)
    await w.wish(id, stop)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'FAILED', reason: 'DATA_ACCESS', heldMilliCpus: 0 })
    expect(failed.message).toContain('Volume /workspace/v0: Access to the bucket was refused.')
    expect(await w.database.localCopy.findMany()).toMatchObject([{ target: volume.id, written: true }])

    w.daemon.programs.mover = moverThat()
    await w.clock.advance(SAVE_RETRY_SECONDS)
    expect(await w.until(id, ({ state }) => state === 'STOPPED')).toMatchObject({ reason: 'USER' })
    await w.expectNothingLeft()
  })

  test("a refusal of the platform's store ends in ERROR, and the volumes are pushed all the same", async () => {
    w.control()
    const id = await w.running(['RW'])
    w.daemon.programs.mover = refuses('workspace')
    await w.wish(id, stop)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(await w.database.localCopy.findMany()).toMatchObject([{ target: 'workspace', written: true }])
  })

  test('a notebook that is wished deleted is not deleted', async () => {
    w.control()
    const id = await w.running()
    w.daemon.programs.mover = refuses('workspace')
    await w.wish(id, { desired: 'DELETED', desiredReason: 'USER' })
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', desired: 'STOPPED', deletedAt: null })
  })

  test('only a volume unsaved, a start that is called off before its container goes back to saving it', async () => {
    w.control()
    const id = await w.running(['RW'])
    const volume = await w.database.volume.findFirstOrThrow({ where: { notebookId: id } })
    w.daemon.programs.mover = refuses(volume.id)
    await w.wish(id, stop)
    await w.until(id, isSettled)
    w.daemon.programs.mover = moverThat((_, { direction }) =>
      direction === 'pull' ? Promise.withResolvers<object>().promise : {},
    )
    await w.database.localCopy.updateMany({ data: { saveError: null } })
    await w.start(id)
    await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await w.wish(id, stop)
    await w.until(id, ({ state }) => state === 'STOPPED')
    await w.expectNothingLeft()
  })

  test('given up in so many words, it is removed, and the notebook is STOPPED', async () => {
    w.control()
    const id = await w.running()
    w.daemon.programs.mover = refuses('workspace')
    await w.wish(id, stop)
    await w.until(id, isSettled)
    await stopNotebook(w, await owner(), { notebookId: encodeId('Notebook', id), discardUnsaved: true })
    await w.until(id, ({ state }) => state === 'STOPPED')
    await w.expectNothingLeft()
  })

  test('a copy that was removed from its node is not pushed as an empty one, but stays on record as unsaved', async () => {
    w.control()
    const id = await w.running()
    w.daemon.programs.mover = refuses('workspace')
    await w.wish(id, stop)
    await w.until(id, isSettled)
    w.daemon.volumes.clear()
    w.daemon.programs.mover = moverThat()
    const pushes = () => w.database.dataSync.count({ where: { direction: 'PUSH' } })
    const before = await pushes()
    await w.clock.advance(SAVE_RETRY_SECONDS)
    const failed = await w.until(
      id,
      ({ state, message }) => state === 'ERROR' && message !== null && /was removed/.test(message),
    )
    expect(failed.reason).toBe('PLATFORM')
    expect(await pushes()).toBe(before)
    expect(await w.database.localCopy.findMany()).toMatchObject([{ target: 'workspace', written: true }])
  })
})

/** Movers for which the store is away, as they report it. */
const away = (error: TargetError = { kind: 'store', message: 'Connection refused.' }) =>
  moverThat((_, { direction }) => (direction === 'push' ? { state: 'failed', error } : {}))

/** A notebook at rest with everything unsaved that it may write to. */
async function unsaved(permissions: ('RO' | 'RW' | 'RWD')[] = []): Promise<string> {
  const id = await w.running(permissions)
  w.daemon.programs.mover = away({ kind: 'data', message: 'Access denied.' })
  await w.wish(id, stop)
  await w.until(id, isSettled)
  return id
}

/** How its syncs went since, in their order. */
async function syncsOf(id: string, since = 0): Promise<string[]> {
  const syncs = await w.database.dataSync.findMany({
    where: { notebookId: id },
    include: { volume: true },
    orderBy: [{ createdAt: 'asc' }, { volumeId: { sort: 'asc', nulls: 'first' } }],
  })
  return syncs
    .slice(since)
    .map(({ direction, volume, state }) => `${direction} ${volume?.permission ?? 'workspace'} ${state}`)
}

describe('a start with unsaved data', () => {
  let notebookId: string
  let id: string
  let before: number

  async function begin(permissions: ('RO' | 'RW' | 'RWD')[] = []) {
    w.control()
    id = await unsaved(permissions)
    notebookId = encodeId('Notebook', id)
    before = (await syncsOf(id)).length
  }
  const start = async () => startNotebook(w, await owner(), { notebookId })

  test('first saves again; what is saved is pulled as always, and nothing is warned of', async () => {
    await begin(['RW'])
    w.daemon.programs.mover = moverThat()
    await start()
    await w.until(id, isRunning)
    expect(await syncsOf(id, before)).toEqual([
      'PUSH workspace DONE',
      'PUSH RW DONE',
      'PULL workspace DONE',
      'PULL RW DONE',
    ])
    expect(await w.transitions(id)).not.toContain('UNSAVED_DATA')
    const messages = await w.database.event.findMany({
      where: { payload: { path: ['phase'], equals: 'PULLING_DATA' } },
    })
    expect(messages.map(({ payload }) => (payload as { message: string | null }).message)).toContain(
      'Saving what an earlier run could not save.',
    )
  })

  test('that still cannot save tries once, starts on the local copy without a pull, and warns', async () => {
    await begin(['RW', 'RO'])
    w.daemon.programs.mover = away()
    await start()
    await w.until(id, isRunning)
    expect(await syncsOf(id, before)).toEqual(['PUSH workspace FAILED', 'PUSH RW FAILED', 'PULL RO DONE'])
    const [warning] = await w.database.event.findMany({ where: { type: 'NotebookWarned' } })
    expect(warning?.payload).toMatchObject({
      code: 'UNSAVED_DATA',
      message:
        'Started on the local copy of /workspace, /workspace/v0, which could not be saved yet. The workspace: Connection refused. Volume /workspace/v0: Connection refused.',
    })

    w.daemon.programs.mover = moverThat()
    await w.wish(id, stop)
    await w.until(id, ({ state }) => state === 'STOPPED')
    await w.expectNothingLeft()
  })

  test('pulls what it could save, beside the local copy of what it could not', async () => {
    await begin(['RW'])
    w.daemon.programs.mover = moverThat(({ kind }, { direction }) =>
      direction === 'push' && kind === 'volume' ? { state: 'failed', error: { kind: 'data', message: 'No.' } } : {},
    )
    await start()
    await w.until(id, isRunning)
    expect(await syncsOf(id, before)).toEqual(['PUSH workspace DONE', 'PUSH RW FAILED', 'PULL workspace DONE'])
  })

  test('can be stopped while it saves, and loses nothing', async () => {
    await begin()
    const saving = Promise.withResolvers<void>()
    w.daemon.programs.mover = moverThat(() => {
      saving.resolve()
      return Promise.withResolvers<object>().promise
    })
    await start()
    await saving.promise
    w.daemon.programs.mover = moverThat()
    await w.wish(id, stop)
    await w.until(id, ({ state }) => state === 'STOPPED')
    expect(await syncsOf(id, before)).toEqual(['PUSH workspace CANCELLED', 'PUSH workspace DONE'])
    await w.expectNothingLeft()
  })

  test('that is stopped while it waits in the queue keeps it and says why', async () => {
    await begin()
    await w.resize({ cpus: 0.001 })
    await changeBackToQueue()
    await w.wish(id, stop)
    const settled = await w.until(id, isSettled)
    expect(settled).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(settled.message).toContain('The workspace: Access denied.')
    expect(await syncsOf(id, before)).toEqual([])
  })

  async function changeBackToQueue(): Promise<void> {
    await w.start(id)
    await w.until(id, ({ phase, message }) => phase === 'QUEUED' && message !== null)
  }

  test('takes a mover that was cut off for no answer, and asks once more', async () => {
    await begin()
    let cut = false
    const saves = moverThat()
    w.daemon.programs.mover = (process) => {
      if (cut) return saves(process)
      cut = true
      return { code: 137, oomKilled: false }
    }
    await start()
    await w.until(id, isRunning)
    expect(await syncsOf(id, before)).toEqual(['PUSH workspace FAILED', 'PUSH workspace DONE', 'PULL workspace DONE'])
  })

  test('whose local copy is gone ends in ERROR; given up, the next one begins afresh', async () => {
    await begin()
    w.daemon.volumes.clear()
    w.daemon.programs.mover = moverThat()
    await start()
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(failed.message).toContain('The local copy was removed from its node before it was saved.')
    expect(await syncsOf(id, before)).toEqual([])
    await stopNotebook(w, await owner(), { notebookId, discardUnsaved: true })
    await w.until(id, ({ state }) => state === 'STOPPED')
    await start()
    await w.until(id, isRunning)
  })
})

describe('a store that is down and comes back', () => {
  test('a deletion is refused as long as something is unsaved; saved by a retry, it goes through', async () => {
    w.control()
    const id = await unsaved(['RW'])
    const notebookId = encodeId('Notebook', id)
    const viewer = await owner()
    await expect(deleteNotebook(w, viewer, { notebookId })).rejects.toThrow(/data that is not saved yet/)
    w.daemon.programs.mover = moverThat()
    await retryNotebookSync(w, viewer, { notebookId })
    await w.until(id, ({ state }) => state === 'STOPPED')
    await deleteNotebook(w, viewer, { notebookId })
    await w.until(id, ({ deletedAt }) => deletedAt !== null)
    await w.expectNothingLeft()
  })

  test('a deletion that gives the unsaved data up goes through while the store is down', async () => {
    w.control()
    const id = await unsaved(['RW'])
    await deleteNotebook(w, await owner(), { notebookId: encodeId('Notebook', id), discardUnsaved: true })
    await w.until(id, ({ deletedAt }) => deletedAt !== null)
    await w.expectNothingLeft()
  })

  test('a forced deletion whose save fails ends in ERROR, not deleted, and stays so when a retry has saved it', async () => {
    w.control()
    const id = await w.running()
    const notebookId = encodeId('Notebook', id)
    const viewer = await owner()
    w.daemon.programs.mover = away({ kind: 'data', message: 'Access denied.' })
    await deleteNotebook(w, viewer, { notebookId, force: true })
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', deletedAt: null })
    w.daemon.programs.mover = moverThat()
    await retryNotebookSync(w, viewer, { notebookId })
    expect(await w.until(id, ({ state }) => state === 'STOPPED')).toMatchObject({ deletedAt: null })
    await w.expectNothingLeft()
  })
})

describe('whose fault it is', () => {
  test("a file that cannot be carried is the user's, also in the workspace", async () => {
    w.control()
    const id = await w.running()
    w.daemon.programs.mover = away({ kind: 'data', message: '"a" could not be carried: No.', ofFiles: true })
    await w.wish(id, stop)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'FAILED', reason: 'DATA_ACCESS' })
    expect(failed.message).toContain('The workspace: "a" could not be carried: No.')
  })

  test("a mover that ends without a word is the platform's, also for a volume of the user's store", async () => {
    w.control()
    const id = await w.running(['RW'])
    const saves = moverThat()
    w.daemon.programs.mover = (process) =>
      process.stdin?.includes('"kind":"workspace"') ? saves(process) : { code: 137, oomKilled: true }
    await w.wish(id, stop)
    await w.until(id, ({ phase, attempts }) => phase === 'PUSHING_DATA' && attempts > 0)
    await w.clock.advance(STALL_SECONDS.data)
    const failed = await w.until(id, isSettled)
    expect(failed).toMatchObject({ state: 'ERROR', reason: 'PLATFORM' })
    expect(failed.message).toContain('Volume /workspace/v0: the data mover ended without a result.')
  })

  test('what a push counted before it failed is what is unsaved, until the notebook writes again', async () => {
    w.control()
    const id = await w.running()
    const counted = { filesTotal: 10, filesDone: 4, filesSkipped: 3, filesFailed: 3, bytesTotal: 100, bytesDone: 60 }
    w.daemon.programs.mover = moverThat((_, { direction }) =>
      direction === 'push' ? { ...counted, state: 'failed', error: { kind: 'data', message: 'No.' } } : {},
    )
    await w.wish(id, stop)
    await w.until(id, isSettled)
    const copies = () => w.database.localCopy.findMany({ where: { notebookId: id } })
    expect(await copies()).toMatchObject([{ unsavedFiles: 3, unsavedBytes: 40n }])
    await w.start(id)
    await w.until(id, isRunning)
    expect(await copies()).toMatchObject([{ written: true, unsavedFiles: null, unsavedBytes: null }])
  })
})
