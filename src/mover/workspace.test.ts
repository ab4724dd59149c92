/** What is particular to the workspace, on real directories and a bucket in memory. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Trial } from './trial.ts'

describe('the workspace', () => {
  test('mirrors deletions without holding them, and saves again what vanished from the bucket', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    for (const name of ['a', 'b', 'c']) trial.write(name, name)
    await trial.push()
    trial.remove('a')
    trial.remove('b')
    trial.bucket.objects.delete('c')
    expect(await trial.push()).toMatchObject({ state: 'done', deletionsHeld: 0, filesDone: 1 })
    expect(trial.bucket.keys()).toEqual(['c'])
  })

  test('a folder that is filled or removed later leaves nothing behind', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    mkdirSync(trial.path('x'))
    mkdirSync(trial.path('y'))
    await trial.push()
    expect(trial.bucket.keys()).toEqual(['x/', 'y/'])
    trial.remove('y')
    trial.write('x/file', 'x')
    await trial.push()
    expect(trial.bucket.keys()).toEqual(['x/', 'x/file'])
    trial.remove('x')
    await trial.push()
    expect(trial.bucket.keys()).toEqual([])
  })

  test('writes nothing through a symlinked folder', async () => {
    using trial = new Trial({ kind: 'workspace', permission: 'RWD' })
    const outside = join(trial.root, 'outside')
    mkdirSync(outside)
    symlinkSync(outside, trial.path('link'))
    trial.bucket.write('link/x', 'x')
    expect(await trial.pull()).toMatchObject({ state: 'done', failures: [{ path: 'link/x' }] })
    expect(existsSync(join(outside, 'x'))).toBe(false)
  })
})
