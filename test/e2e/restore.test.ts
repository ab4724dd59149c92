/**
 * On real parts, by the commands: an older database is restored under running notebooks, and no file is lost. What went on since
 * the backup is stopped, kept and reported; its files can be had, and its notebooks start again beside it.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unwrap } from '../../src/sdk/errors.ts'
import { StartNotebookDocument } from '../../src/sdk/generated/operations.ts'
import { cahierCommand } from '../testkit/cahier.ts'
import { lightWorld, type World } from './world.ts'

let w: World
let folder: string
beforeEach(async () => {
  w = await lightWorld()
  folder = await mkdtemp(join(tmpdir(), 'backup-'))
})
afterEach(async () => {
  await w[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const run = (command: 'backup' | 'restore' | 'orphans', args: string[], typed?: string) =>
  cahierCommand(command, args, w.environment, typed)

async function start(notebook: { id: string; uuid: string }) {
  unwrap((await w.client().request(StartNotebookDocument, { input: { notebookId: notebook.id } })).startNotebook)
  await w.client().waitFor(notebook.id, 'RUNNING')
  return w.inside(notebook)
}

test('an older database restored under running notebooks loses no file', { timeout: 600_000 }, async () => {
  const [through, again] = await Promise.all([w.runLight(), w.runLight()])
  await through.inside.write('/workspace/through', 'written before the backup')
  await again.inside.write('/workspace/old', 'saved before the backup')
  await w.stop(again.id)

  expect(await run('backup', [folder])).toMatchObject({ code: 0 })
  const [file = ''] = await readdir(folder)
  const backup = join(folder, file)

  const [since, unknown] = await Promise.all([start(again), w.runLight()])
  await since.write('/workspace/new', 'written after the backup')
  await unknown.inside.write('/workspace/deep/file', 'of a notebook that the backup does not know')

  expect((await run('restore', [backup, '--replace'])).output).toContain('The control plane runs: end it')
  await w.cahier().interrupt()
  expect((await run('restore', [backup])).output).toContain('The database is not empty')
  const restored = await run('restore', [backup, '--replace'])
  expect(restored.output).toContain('0 are missing and 0 are others now')
  expect(restored.output).toMatch(/The database does not know 2 containers and \d volumes in the engine/)
  expect(restored.code).toBe(0)

  await w.restart()
  // What runs since before the backup goes on.
  await w.client().waitFor(through.id, 'RUNNING')
  expect(await through.inside.read('/workspace/through')).toBe('written before the backup')
  for await (const item of w.client().notebookEvents(through.id, { after: through.eventCursor })) {
    expect(item.__typename).toBe('StreamReset')
    break
  }

  // What it does not know is stopped, and kept.
  for (const id of [since.containerId, unknown.inside.containerId]) await w.docker.getContainer(id).wait()
  const listed = await run('orphans', [])
  for (const text of [since.containerId, unknown.inside.containerId, again.uuid, unknown.uuid])
    expect(listed.output).toContain(text)
  expect(listed.output).not.toContain(through.uuid)

  // Its files can be had.
  const volumeOf = ({ uuid }: { uuid: string }) =>
    listed.output.match(new RegExp(`\\S+${uuid}-\\w+-workspace`))?.[0] ?? ''
  const kept = [
    { notebook: again, path: 'new', content: 'written after the backup' },
    { notebook: unknown, path: 'deep/file', content: 'of a notebook that the backup does not know' },
  ]
  await Promise.all(
    kept.map(async ({ notebook, path, content }) => {
      const saved = await run('orphans', ['save', volumeOf(notebook)])
      expect(saved.output).toContain('and verified.')
      const keys = [...(await w.buckets.list(w.workspaceBucket, `recovered/${notebook.uuid}/`)).keys()]
      const key = keys.find((each) => each.endsWith(path)) ?? ''
      expect(await w.buckets.read(w.workspaceBucket, key)).toBe(content)
    }),
  )

  // The notebook starts again beside it.
  const beside = await start(again)
  expect(await beside.read('/workspace/old')).toBe('saved before the backup')
  await Promise.all([w.stop(again.id), w.stop(through.id)])
  expect(await w.buckets.read(w.workspaceBucket, `${through.uuid}/through`)).toBe('written before the backup')

  // It goes when somebody says so, by its very name.
  const refused = await run('orphans', ['remove', unknown.inside.containerId], 'no')
  expect(refused.output).toContain('nothing is removed')
  await run('orphans', ['remove', unknown.inside.containerId], unknown.inside.containerId)
  expect((await run('orphans', ['remove', volumeOf(unknown)], volumeOf(unknown))).output).toContain('Removed volume')
  const left = await run('orphans', [])
  expect(left.output).not.toContain(volumeOf(unknown))
  expect(left.output).toContain(volumeOf(again))
})
