import { expect, test } from 'vitest'
import {
  EXIT,
  MOVER_PATHS,
  type Plan,
  PROTOCOL,
  RESULT_FILE,
  type Target,
  type TargetResult,
} from '../../mover/protocol.ts'
import type { ContainerSpec } from '../port.ts'
import { FakeDaemon } from './daemon.ts'
import { createFakeEngine } from './engine.ts'
import { moverThat, type OutcomeOf } from './programs.ts'

const NOON = new Date('2026-03-01T12:00:00Z')
const NEVER = new AbortController().signal

const SPEC: ContainerSpec = {
  identity: { installation: 'i', notebook: 'n', generation: 1, role: 'mover' },
  image: 'mover',
  command: null,
  env: {},
  user: '42420:42420',
  cpus: 1,
  memoryBytes: 2 ** 29,
  shmBytes: null,
  network: 'data',
  mounts: [{ volume: 'side', path: MOVER_PATHS.side, readOnly: false }],
  port: null,
  stdin: true,
  readOnlyRoot: true,
}

function targetOf(id: string): Target {
  const source = {
    type: 'bucket',
    endpoint: 'https://s3.example.com',
    region: 'us-east-1',
    accessKeyId: 'key',
    secretAccessKey: 'secret',
    pathStyle: true,
    bucket: 'data',
    prefix: '',
  } as const
  const sideDir = `${MOVER_PATHS.side}/${id}`
  return { id, kind: 'volume', permission: 'RW', dataDir: MOVER_PATHS.volume(0), sideDir, source, reserved: [] }
}

const PLAN: Plan = {
  protocol: PROTOCOL,
  operation: 'operation',
  direction: 'push',
  notebook: 'n',
  targets: [targetOf('a'), targetOf('b')],
  allowedPrivateAddresses: [],
  confirmDeletions: false,
  diskReserve: { share: 0, bytes: 0 },
}

async function move(stdin: string, outcomeOf?: OutcomeOf) {
  const daemon = new FakeDaemon({ now: () => NOON, images: ['mover'] })
  daemon.programs.mover = moverThat(outcomeOf)
  const engine = createFakeEngine({ daemon, installation: 'i', nodeId: 'node' })
  const id = await engine.create(SPEC)
  await engine.start(id, stdin)
  const lines: string[] = []
  for await (const line of engine.lines(id, NEVER)) lines.push(line)
  const resultOf = async (target: string) => {
    const file = await engine.readFile(id, `${MOVER_PATHS.side}/${target}/${RESULT_FILE}`)
    return file && (JSON.parse(file.toString()) as TargetResult)
  }
  const stages = lines.map((line) => JSON.parse(line)).map(({ target, stage }) => `${target} ${stage}`)
  return { exitCode: (await engine.inspect(id))?.exitCode, stages, lines, resultOf }
}

test('a mover that is told nothing brings every target to a good end', async () => {
  const { exitCode, stages, resultOf } = await move(JSON.stringify(PLAN))
  expect(exitCode).toBe(EXIT.DONE)
  expect(stages).toEqual(['a listing', 'a done', 'b listing', 'b done'])
  expect(await resultOf('b')).toEqual({
    protocol: PROTOCOL,
    operation: 'operation',
    target: 'b',
    direction: 'push',
    state: 'done',
    error: null,
    failures: [],
    conflicts: [],
    deletionsHeld: 0,
    filesDone: 0,
    filesTotal: 0,
    filesSkipped: 0,
    filesDeleted: 0,
    filesFailed: 0,
    bytesDone: 0,
    bytesTotal: 0,
    startedAt: NOON.toISOString(),
    endedAt: NOON.toISOString(),
  })
})

test('the worst that came of a target is the exit code', async () => {
  const kinds = { a: 'data', b: 'store' } as const
  const { exitCode, stages, resultOf } = await move(JSON.stringify(PLAN), ({ id }) => ({
    state: 'failed',
    error: { kind: kinds[id as 'a' | 'b'], message: 'Access denied.' },
  }))
  expect(exitCode).toBe(EXIT.DATA)
  expect(stages).toEqual(['a listing', 'a failed', 'b listing', 'b failed'])
  expect(await resultOf('b')).toMatchObject({ state: 'failed', error: { kind: 'store' } })
})

test('what is reported on the way goes out as progress', async () => {
  const { lines } = await move(JSON.stringify(PLAN), (_, __, report) => {
    report({ stage: 'moving', filesDone: 1, filesTotal: 2 })
    return { filesDone: 2, filesTotal: 2 }
  })
  expect(lines.slice(0, 3).map((line) => JSON.parse(line))).toMatchObject([
    { stage: 'listing', filesTotal: null },
    { stage: 'moving', filesDone: 1, filesTotal: 2 },
    { stage: 'done', filesDone: 2, filesTotal: 2 },
  ])
})

test('without a plan of its protocol a mover touches nothing', async () => {
  for (const stdin of ['', JSON.stringify({ ...PLAN, protocol: 99 })]) {
    const { exitCode, lines, resultOf } = await move(stdin)
    expect({ exitCode, lines, result: await resultOf('a') }).toEqual({
      exitCode: EXIT.NO_PLAN,
      lines: [],
      result: null,
    })
  }
})
