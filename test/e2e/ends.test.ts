/** On real parts: however a run ends, the workspace is saved and RW and RWD volumes are pushed before the notebook settles. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lightWorld, type World } from './world.ts'

let w: World
beforeAll(async () => {
  w = await lightWorld()
})
afterAll(() => w[Symbol.asyncDispose]())

describe('however a run ends, everything is saved before the notebook settles', () => {
  test('the user stops it', async () => {
    const notebook = await w.runLight()
    await notebook.inside.write('/workspace/kept', 'kept')
    await w.stop(notebook.id)
    expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/kept`)).toBe('kept')
  })
})
