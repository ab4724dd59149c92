/** What goes wrong is said precisely, and does no harm, against a real S3 server. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXIT } from '../../src/mover/protocol.ts'
import { treeOf } from '../../src/mover/trial.ts'
import { LocalCopy } from './mover.ts'
import { Bucket, s3 } from './s3.ts'

test.each([
  ['wrong secret', { secretAccessKey: 'wrong-secret' }],
  ['unknown key', { accessKeyId: 'unknown-key' }],
])('a %s is the fault of the user: the sentence names the bucket and what S3 said, and no key', async (_, source) => {
  const bucket = await Bucket.create()
  using copy = new LocalCopy({ bucket: bucket.name, source })
  for (const run of [await copy.pull(), await copy.push()]) {
    expect(run.code).toBe(EXIT.DATA)
    expect(run.result).toMatchObject({ state: 'failed', error: { kind: 'data' } })
    const said = run.result?.error?.message ?? ''
    expect(said).toMatch(new RegExp(`"${bucket.name}".*S3 said 403 \\w+`))
    for (const secret of [...Object.values(source), s3().accessKey, s3().secretKey])
      expect(JSON.stringify(run)).not.toContain(secret)
  }
})

test('a missing bucket is an error for RO, empty for RW, and created by the first push', async () => {
  const bucket = Bucket.named()
  using ro = new LocalCopy({ bucket: bucket.name, permission: 'RO' })
  expect(await ro.pull()).toMatchObject({
    code: EXIT.DATA,
    result: { error: { kind: 'data', message: expect.stringContaining(bucket.name) } },
  })
  using rw = new LocalCopy({ bucket: bucket.name })
  expect(await rw.pull()).toMatchObject({ code: EXIT.DONE, result: { state: 'done', filesTotal: 0 } })
  writeFileSync(rw.path('first'), 'first')
  expect(await rw.push()).toMatchObject({ code: EXIT.DONE })
  expect(await bucket.keys()).toEqual(['first'])
})

test('a store that refuses connections is worth another try', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  using copy = new LocalCopy({
    bucket: 'any',
    source: { endpoint: `http://127.0.0.1:${port}` },
    allowed: [`127.0.0.1:${port}`],
  })
  expect(await copy.pull()).toMatchObject({
    code: EXIT.STORE,
    result: { error: { kind: 'store', message: expect.stringContaining('ECONNREFUSED') } },
  })
})

test('a private address that the operator did not allow is not dialled', async () => {
  let dialled = 0
  const server = createServer((socket) => {
    dialled++
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const host of ['127.0.0.1', 'localhost']) {
    using copy = new LocalCopy({ bucket: 'any', source: { endpoint: `http://${host}:${port}` }, allowed: [] })
    expect(await copy.pull()).toMatchObject({
      code: EXIT.DATA,
      result: { error: { kind: 'data', message: expect.stringContaining('private') } },
    })
  }
  await new Promise((resolve) => server.close(resolve))
  expect(dialled).toBe(0)
})

test('hostile keys are reported, touch nothing outside the volume, and stay in the bucket', async () => {
  const bucket = await Bucket.create()
  const hostile = [
    '../escaped',
    '/absolute',
    'a//b',
    'x/../../escaped',
    './dot',
    'n'.repeat(300),
    'both',
    `${'deep/'.repeat(203)}${'k'.repeat(9)}`,
  ]
  for (const key of [...hostile, 'both/below', 'fine']) await bucket.put(key, 'content')
  using copy = new LocalCopy({ bucket: bucket.name, permission: 'RWD' })
  const { code, result } = await copy.pull()
  const carried = `${'deep/'.repeat(203)}${'k'.repeat(9)}`
  expect(code).toBe(EXIT.DONE)
  expect(result?.failures.map(({ path }) => path).sort()).toEqual(hostile.filter((key) => key !== carried).sort())
  expect(treeOf(copy.dataDir)).toEqual({ 'both/below': 'content', fine: 'content', [carried]: 'content' })
  expect(existsSync(join(copy.root, 'escaped'))).toBe(false)
  const before = await bucket.keys()
  expect(await copy.push()).toMatchObject({ code: EXIT.DONE, result: { filesDeleted: 0 } })
  expect(await bucket.keys()).toEqual(before)
})

test('a plan that is none is refused before anything is touched', async () => {
  using copy = new LocalCopy({ bucket: 'any', source: { prefix: 'no-slash' } })
  mkdirSync(copy.sideDir)
  expect(await copy.pull()).toMatchObject({
    code: EXIT.NO_PLAN,
    result: null,
    stderr: expect.stringContaining('prefix'),
  })
})
