/** On real parts: what a notebook wrote is in the bucket while it runs, so that losing the host costs no more than that. */
import { expect, test } from 'vitest'
import { unwrap } from '../../src/sdk/errors.ts'
import { SaveWorkspaceDocument } from '../../src/sdk/generated/operations.ts'
import { lightWorld } from './world.ts'

test('a running workspace is saved by itself, and at once when told to; what does not change moves no bytes', async () => {
  await using w = await lightWorld({ CHECKPOINT_SECONDS: '2' })
  const notebook = await w.runLight()
  const read = (key: string) => w.buckets.read(w.workspaceBucket, `${notebook.uuid}/${key}`)
  await notebook.inside.run('mkdir folder && printf kept > folder/kept')
  await w.untilItem(notebook, (item) => item.__typename === 'SyncProgressed' && item.sync.state === 'DONE')
  expect(await read('folder/kept')).toBe('kept')

  const checkpoints = { notebookId: notebook.uuid, isCheckpoint: true, state: 'DONE' } as const
  const idle = () => w.database.dataSync.findFirst({ where: { ...checkpoints, filesDone: 0 } })
  const first = await w.untilSo(idle)
  await w.untilSo(async () => ((await idle())?.id ?? first.id) !== first.id)
  expect(await w.database.dataSync.count({ where: { ...checkpoints, bytesDone: 4n } })).toBe(1)

  await notebook.inside.run('printf more > more')
  unwrap((await w.client().request(SaveWorkspaceDocument, { input: { notebookId: notebook.id } })).saveWorkspace)
  await w.untilSo(() =>
    w.database.dataSync.findFirst({ where: { notebookId: notebook.uuid, isCheckpoint: false, state: 'DONE' } }),
  )
  expect(await read('more')).toBe('more')
  await w.stop(notebook.id)
})
