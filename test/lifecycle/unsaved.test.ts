/** What cannot be saved is kept, and the ways out of it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeId } from '../../src/domain/ids.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { stopNotebook } from '../../src/usecases/notebooks.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

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
    await w.database.notebook.update({ where: { id }, data: { phaseStartedAt: new Date(0), stoppedAt: new Date(0) } })
    await w.wake(id)
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

  test('a start goes on with the local copy, without a pull over it, and says so', async () => {
    w.control()
    const id = await w.running()
    w.daemon.programs.mover = refuses('workspace')
    await w.wish(id, stop)
    await w.until(id, isSettled)
    await w.start(id)
    await w.until(id, isRunning)
    expect(await w.transitions(id)).toContain('UNSAVED_DATA')
    expect(await w.database.dataSync.count({ where: { direction: 'PULL', volumeId: null } })).toBe(1)
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
    const project = { projectId: w.project.id, role: 'OWNER' } as const
    const user = await w.database.user.create({ data: { name: 'owner', members: { create: project } } })
    const viewer = { userId: user.id, name: user.name, tokenId: user.id, expiresAt: new Date() }
    await stopNotebook(w, viewer, { notebookId: encodeId('Notebook', id), discardUnsaved: true })
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
    await w.database.notebook.update({ where: { id }, data: { phaseStartedAt: new Date(0), stoppedAt: new Date(0) } })
    await w.wake(id)
    const failed = await w.until(
      id,
      ({ state, message }) => state === 'ERROR' && message !== null && /was removed/.test(message),
    )
    expect(failed.reason).toBe('PLATFORM')
    expect(await pushes()).toBe(before)
    expect(await w.database.localCopy.findMany()).toMatchObject([{ target: 'workspace', written: true }])
  })
})
