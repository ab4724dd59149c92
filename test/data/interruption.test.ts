/** Killed or cancelled in the middle, and run again: everything is there, once, against a real S3 server. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { EXIT, type ProgressLine } from '../../src/mover/protocol.ts'
import { LocalCopy } from './mover.ts'
import { Bucket } from './s3.ts'

const LARGE = 32 * 1024 * 1024
const SMALL_FILES = 400
const contents = new Map<string, Buffer>()

beforeAll(() => {
  for (let i = 0; i < SMALL_FILES; i++) contents.set(`folder ${i % 7}/f${i}`, randomBytes(10_240))
  // At both ends of the order, so that one is under way whenever the other is not.
  contents.set('a large one', randomBytes(LARGE))
  contents.set('z large one', randomBytes(LARGE))
})

function fill(copy: LocalCopy): void {
  for (let i = 0; i < 7; i++) mkdirSync(copy.path(`folder ${i}`))
  for (const [path, content] of contents) writeFileSync(copy.path(path), content)
}

/** Ends the mover once, when this part of the files is through. */
function at(part: number, signal: NodeJS.Signals) {
  return ({ stage, filesDone, filesSkipped, filesTotal }: ProgressLine, mover: ChildProcess) => {
    if (stage === 'moving' && filesTotal && filesDone + filesSkipped >= part * filesTotal) mover.kill(signal)
  }
}

function expectExact(copy: LocalCopy): void {
  const found = readdirSync(copy.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  expect(found).toHaveLength(contents.size)
  for (const [path, content] of contents) expect(readFileSync(copy.path(path)).equals(content), path).toBe(true)
}

test('a push that is killed, twice, and run again leaves every file once and no half upload', async () => {
  const bucket = await Bucket.create()
  using copy = new LocalCopy({ bucket: bucket.name, permission: 'RWD' })
  fill(copy)
  for (const part of [0.01, 0.4]) {
    const killed = await copy.run('push', at(part, 'SIGKILL'))
    expect(killed).toMatchObject({ signal: 'SIGKILL', result: null })
  }
  expect(await copy.push()).toMatchObject({ code: EXIT.DONE, result: { state: 'done', conflicts: [], failures: [] } })
  expect(await bucket.openUploads()).toBe(0)
  expect(await bucket.keys()).toHaveLength(contents.size)
  for (const path of ['a large one', 'z large one', 'folder 0/f0'])
    expect((await bucket.get(path)).body.equals(contents.get(path) ?? Buffer.alloc(0))).toBe(true)

  using fresh = new LocalCopy({ bucket: bucket.name })
  expect(await fresh.pull()).toMatchObject({ code: EXIT.DONE })
  expectExact(fresh)
})

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'a pull that ends by %s and is run again leaves every file once',
  async (signal) => {
    const bucket = await Bucket.create()
    using source = new LocalCopy({ bucket: bucket.name })
    fill(source)
    await source.push()
    using copy = new LocalCopy({ bucket: bucket.name })
    let sentAt = 0
    const interrupt = at(0.3, signal)
    const ended = await copy.run('pull', (line, mover) => {
      interrupt(line, mover)
      if (mover.killed && sentAt === 0) sentAt = performance.now()
    })
    if (signal === 'SIGTERM') {
      expect(performance.now() - sentAt).toBeLessThan(2_000)
      expect(ended).toMatchObject({ code: EXIT.CANCELLED, result: null })
      expect(existsSync(copy.path('.cahier-aside'))).toBe(false)
    } else expect(ended).toMatchObject({ signal, result: null })
    expect(await copy.push()).toMatchObject({ code: EXIT.DONE, result: { filesDone: 0, conflicts: [] } })

    const again = await copy.pull()
    expect(again).toMatchObject({ code: EXIT.DONE, result: { state: 'done', conflicts: [], failures: [] } })
    expect(again.result?.filesSkipped).toBeGreaterThan(0)
    expectExact(copy)
  },
)
