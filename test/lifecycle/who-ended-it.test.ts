/** Whoever ended a run is on record, with a sentence for people, and so is the rule by which its end is billed. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sweep } from '../../src/controller/sweep.ts'
import { moverThat } from '../../src/engine/fake/programs.ts'
import { ImageError } from '../../src/engine/port.ts'
import { stopAllNotebooks } from '../../src/usecases/shutdown.ts'
import { isRunning, isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

/** Ends the container by itself and wishes something in the same moment: nobody has looked in between. */
async function endsWhile(id: string, wish: object, code: number, oomKilled = false): Promise<void> {
  const container = await w.containerOf(id)
  await w.untilQuietly(id, ({ leaseOwner }) => leaseOwner === null)
  w.daemon.loseEvents(9)
  w.daemon.end(container, { code, oomKilled })
  w.daemon.loseEvents(0)
  await w.wish(id, wish)
}

const runLimit = async (id: string) => {
  const { stopsAt } = await w.database.notebook.findUniqueOrThrow({ where: { id } })
  await w.clock.advance(((stopsAt?.getTime() ?? 0) - w.clock.now().getTime()) / 1000)
}

const exit =
  (code: number, oomKilled = false) =>
  async (id: string) =>
    w.daemon.end(await w.containerOf(id), { code, oomKilled })

type Ending = [what: string, end: (id: string) => Promise<unknown>, state: string, reason: string, message: string]

const LOST = 'The container was lost: removed from outside, or with its engine.'

const ENDINGS: Ending[] = [
  ['the user', (id) => w.wish(id, stop), 'STOPPED', 'USER', 'Stopped as asked.'],
  ['the run limit', runLimit, 'STOPPED', 'RUN_LIMIT', 'The run reached its time limit.'],
  [
    'the operator',
    () => stopAllNotebooks(w.database),
    'STOPPED',
    'PLATFORM',
    'Stopped by the operator, who takes the installation down.',
  ],
  ['itself, well', exit(0), 'STOPPED', 'EXITED', 'The notebook ended by itself.'],
  ['itself, ill', exit(3), 'FAILED', 'EXITED', 'The notebook ended with exit code 3.'],
  ['a signal from outside', exit(137), 'FAILED', 'EXITED', 'The notebook ended with exit code 137.'],
  ['want of memory', exit(137, true), 'FAILED', 'OUT_OF_MEMORY', 'The notebook ran out of memory.'],
  [
    'who removed its container',
    async (id) => w.daemon.remove(await w.containerOf(id)),
    'FAILED',
    'CONTAINER_LOST',
    LOST,
  ],
  [
    'the user, in the moment in which it ended by itself',
    (id) => endsWhile(id, stop, 3),
    'STOPPED',
    'USER',
    'Stopped as asked; it had just ended by itself, with exit code 3.',
  ],
  [
    'the user, in the moment in which it ran out of memory',
    (id) => endsWhile(id, stop, 137, true),
    'STOPPED',
    'USER',
    'Stopped as asked; it had just ended by itself, with exit code 137.',
  ],
]

describe('who ended a run is on record, with a sentence for people', () => {
  test.each(ENDINGS)('%s', async (_, end, state, reason, message) => {
    w.control()
    const id = await w.running()
    await end(id)
    expect(await w.until(id, isSettled)).toMatchObject({ state, reason, message })
    const event = await leftRunning(id)
    expect(event).toMatchObject({ to: 'STOPPING', reason, message })
  })

  test('a restart that the user wished for in the moment in which it ended by itself is done', async () => {
    w.control()
    const id = await w.running()
    await endsWhile(id, { restartWished: true }, 3)
    await w.until(id, async ({ state }) => state === 'RUNNING' && (await w.periods(id)).length === 2)
    expect(await leftRunning(id)).toMatchObject({
      reason: 'USER',
      message: 'Restarting as asked.',
      endSource: 'ENGINE',
    })
  })

  test('a start that could not have its image is ERROR with IMAGE', async () => {
    w.daemon.images.forget('jupyterlab-python')
    w.daemon.images.build = () => Promise.reject(new ImageError('No space left.'))
    w.control()
    const { id } = await w.notebook()
    await w.until(id, ({ attempts }) => attempts > 0)
    await w.clock.advance(1801)
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'ERROR', reason: 'IMAGE', message: 'No space left.' })
  })

  test.each([
    ['RO', 'FAILED', 'DATA_ACCESS', 'Volume /workspace/v0: The key is refused.'],
    ['workspace', 'ERROR', 'PLATFORM', 'The workspace: The key is refused.'],
  ])('a start whose store refuses %s is %s with %s', async (target, state, reason, message) => {
    w.daemon.programs.mover = moverThat(({ kind }) =>
      (kind === 'volume') === (target === 'RO')
        ? { state: 'failed', error: { kind: 'data', message: 'The key is refused.' } }
        : {},
    )
    w.control()
    const { id } = await w.notebook(['RO'])
    expect(await w.until(id, isSettled)).toMatchObject({ state, reason, message })
  })

  test('a start that is called off in the moment in which it fails was ended by the user', async () => {
    const refused = Promise.withResolvers<object>()
    w.daemon.programs.mover = moverThat(() => refused.promise)
    const controller = w.control()
    const { id } = await w.notebook()
    await w.until(id, async () => (await w.database.dataSync.count({ where: { state: 'RUNNING' } })) > 0)
    await controller.stop()
    refused.resolve({ state: 'failed', error: { kind: 'data', message: 'The key is refused.' } })
    await w.wish(id, stop)
    w.control()
    expect(await w.until(id, isSettled)).toMatchObject({ state: 'STOPPED', reason: 'USER' })
  })
})

async function leftRunning(id: string) {
  const events = await w.database.event.findMany({
    where: { notebookId: id, type: 'StateChanged', payload: { path: ['from'], equals: 'RUNNING' } },
  })
  expect(events).toHaveLength(1)
  return events[0]?.payload
}

describe('a run is billed until its real end, and by which rule is kept in the period and its event', () => {
  /** RUNNING for 10 min, seen alive after 4 of them, and then no control plane any more. */
  async function unattended(): Promise<{ id: string; container: string; startedAt: Date; markedAt: Date }> {
    const controller = w.control()
    const id = await w.running()
    await controller.stop()
    await w.clock.hold()
    await w.clock.advance(240)
    await sweep(w.parts)
    const markedAt = w.clock.now()
    await w.clock.advance(360)
    const [period] = await w.periods(id)
    return { id, container: await w.containerOf(id), startedAt: period?.startedAt ?? new Date(0), markedAt }
  }

  async function expectBilled(id: string, endSource: string, endedAt: Date): Promise<void> {
    await w.until(id, isSettled)
    expect(await w.periods(id)).toMatchObject([{ endSource, endedAt }])
    expect(await leftRunning(id)).toMatchObject({ endSource })
  }

  test('left by a transaction: the time of that transaction', async () => {
    const { id } = await unattended()
    await w.wish(id, stop)
    w.control()
    await expectBilled(id, 'TRANSACTION', w.clock.now())
  })

  test('the engine saw it die: FinishedAt', async () => {
    const { id, container } = await unattended()
    w.daemon.end(container, { code: 0, oomKilled: false })
    const diedAt = w.clock.now()
    await w.clock.advance(600)
    w.control()
    await expectBilled(id, 'ENGINE', diedAt)
  })

  test('the engine itself was down, and reports its own next boot with exit code 255: the last liveness mark', async () => {
    const { id, container, markedAt } = await unattended()
    w.daemon.end(container, { code: 255, oomKilled: false })
    await w.clock.advance(600)
    w.control()
    await expectBilled(id, 'LIVENESS', markedAt)
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id } })).toMatchObject({ reason: 'CONTAINER_LOST' })
  })

  test('the container is gone: the last liveness mark', async () => {
    const { id, container, markedAt } = await unattended()
    w.daemon.remove(container)
    w.control()
    await expectBilled(id, 'LIVENESS', markedAt)
  })

  test('gone before it was ever marked: not before the run began', async () => {
    const { id, container, startedAt } = await unattended()
    await w.database.container.update({ where: { id: container }, data: { lastSeenAliveAt: new Date(0) } })
    w.daemon.remove(container)
    w.control()
    await expectBilled(id, 'LIVENESS', startedAt)
  })

  test('a clock of the engine that is ahead does not bill the future', async () => {
    const { id, container } = await unattended()
    w.daemon.end(container, { code: 0, oomKilled: false })
    const status = await w.engine.inspect(container)
    const ahead = new Date(w.clock.now().getTime() + 3_600_000)
    w.control({
      ...w.engine,
      inspect: async (each) =>
        each === container && status ? { ...status, finishedAt: ahead } : w.engine.inspect(each),
    })
    await w.until(id, isSettled)
    expect(await w.periods(id)).toMatchObject([{ endSource: 'TRANSACTION', endedAt: w.clock.now() }])
  })
})

test('a run that is not over has no end on record', async () => {
  w.control()
  const { id } = await w.notebook()
  await w.until(id, isRunning)
  expect(await w.periods(id)).toMatchObject([{ endedAt: null, endSource: null, minutes: null }])
})
