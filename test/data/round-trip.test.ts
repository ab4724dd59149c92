/** What goes up comes down the same, against a real S3 server. */

import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { treeOf } from '../../src/mover/trial.ts'
import { LocalCopy } from './mover.ts'
import { Bucket } from './s3.ts'

const MIB = 1024 * 1024
const ODD_NAMES = [
  'plus+sign',
  'per%20cent',
  'a b',
  'é',
  '\u{1f600}',
  '\uff5e',
  'q?u=e&r#y',
  'quote\'"',
  'back\\slash',
  '<tag>',
  'new\nline',
  'tab\t',
  '\x01control',
  '~',
  '-rf',
  '...',
  'CASE',
  'case',
  'n'.repeat(255),
]

test('a workspace with every odd name, symlinks and empty folders comes back exactly', async () => {
  const bucket = Bucket.named()
  using here = new LocalCopy({ bucket: bucket.name, kind: 'workspace', permission: 'RWD', source: { prefix: 'uuid/' } })
  for (const name of ODD_NAMES) {
    mkdirSync(here.path(`in ${name.slice(0, 200)}`))
    writeFileSync(here.path(`in ${name.slice(0, 200)}/${name}`), name)
    writeFileSync(here.path(name), name)
  }
  mkdirSync(here.path('empty/inner'), { recursive: true })
  symlinkSync('plus+sign', here.path('inside'))
  symlinkSync('/etc/passwd', here.path('outside'))
  chmodSync(here.path('case'), 0o751)
  utimesSync(here.path('case'), 981173106.123456, 981173106.123456)
  const pushed = await here.push()
  expect(pushed).toMatchObject({ code: 0, result: { state: 'done', failures: [] } })
  const count = 2 * ODD_NAMES.length + 3
  expect(pushed.result).toMatchObject({ filesDone: count, filesTotal: count })
  expect(await bucket.text('uuid/per%20cent')).toBe('per%20cent')
  expect((await bucket.get('uuid/case')).metadata).toEqual({
    mtime: expect.stringMatching(/^981173106\.12345/),
    mode: String(0o100751),
  })

  using there = new LocalCopy({
    bucket: bucket.name,
    kind: 'workspace',
    permission: 'RWD',
    source: { prefix: 'uuid/' },
  })
  expect(await there.pull()).toMatchObject({ code: 0, result: { state: 'done', filesDone: count, failures: [] } })
  expect(treeOf(there.dataDir)).toEqual(treeOf(here.dataDir))
  expect(statSync(there.path('case')).mode & 0o777).toBe(0o751)
  expect(Math.floor(statSync(there.path('case')).mtimeMs)).toBe(981173106123)

  for (const copy of [here, there]) {
    expect(await copy.push()).toMatchObject({ code: 0, result: { filesDone: 0, filesSkipped: count, bytesTotal: 0 } })
    expect(await copy.pull()).toMatchObject({ code: 0, result: { filesDone: 0, filesSkipped: count, bytesTotal: 0 } })
  }
})

test('a file above 16 MiB goes in parts and comes back byte for byte, with totals before the first byte', async () => {
  const bucket = await Bucket.create()
  const content = randomBytes(50 * MIB + 1)
  using here = new LocalCopy({ bucket: bucket.name })
  writeFileSync(here.path('large'), content)
  const pushed = await here.push()
  expect(pushed.result).toMatchObject({ state: 'done', bytesDone: content.length, bytesTotal: content.length })
  expect(await bucket.openUploads()).toBe(0)

  using there = new LocalCopy({ bucket: bucket.name, permission: 'RO' })
  const pulled = await there.pull()
  expect(readFileSync(there.path('large')).equals(content)).toBe(true)
  for (const { lines } of [pushed, pulled]) {
    const moving = lines.filter(({ bytesDone }) => bytesDone > 0)
    expect(moving.every(({ bytesTotal }) => bytesTotal === content.length)).toBe(true)
    expect(lines.at(-1)).toMatchObject({ stage: 'done', bytesDone: content.length, filesDone: 1 })
  }
})

test('more files than a page of the listing are all carried, and only the changed one the next time', async () => {
  const bucket = await Bucket.create()
  using here = new LocalCopy({ bucket: bucket.name })
  for (let i = 0; i < 1100; i++) writeFileSync(here.path(`f${i}`), `content ${i}`)
  expect((await here.push()).result).toMatchObject({ state: 'done', filesDone: 1100 })
  using there = new LocalCopy({ bucket: bucket.name })
  expect((await there.pull()).result).toMatchObject({ state: 'done', filesDone: 1100 })
  expect(treeOf(there.dataDir)).toEqual(treeOf(here.dataDir))
  writeFileSync(there.path('f7'), 'changed')
  expect((await there.push()).result).toMatchObject({ filesDone: 1, filesSkipped: 1099, bytesTotal: 7 })
  expect((await here.pull()).result).toMatchObject({ filesDone: 1, filesSkipped: 1099, bytesTotal: 7 })
  expect(readFileSync(here.path('f7'), 'utf8')).toBe('changed')
})
