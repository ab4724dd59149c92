/** The sweep is the truth where the engine's events are hints: who lives is marked, who does not is woken, nobody's goes. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sweep } from '../../src/controller/sweep.ts'
import type { ContainerSpec, Identity } from '../../src/engine/port.ts'
import type { Database } from '../../src/store/database.ts'
import { type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

/** Two RUNNING notebooks that no controller works on any more. */
async function twoAtRest(): Promise<[string, string]> {
  const controller = w.control()
  const ids: [string, string] = [await w.running(), await w.running()]
  await controller.stop()
  await w.database.notebook.updateMany({ data: { dueAt: null } })
  await w.database.container.updateMany({ data: { lastSeenAliveAt: new Date(0) } })
  return ids
}

/** A container that is in the engine, but not on record. */
function stranger(identity: Partial<Identity>, started = true): string {
  const spec: ContainerSpec = {
    identity: { installation: w.installation, notebook: randomUUID(), generation: 1, role: 'notebook', ...identity },
    image: 'jupyterlab-python',
    command: null,
    env: {},
    user: '42420:42420',
    cpus: 1,
    memoryBytes: 2 ** 20,
    shmBytes: null,
    network: 'notebooks',
    mounts: [{ volume: 'kept', path: '/workspace', readOnly: false }],
    port: null,
    stdin: false,
    readOnlyRoot: false,
  }
  const id = w.daemon.create(spec)
  if (started) w.daemon.start(id, null)
  return id
}

describe('the sweep', () => {
  test('marks in one statement who lives, and wakes RUNNING notebooks whose container has ended or is gone', async () => {
    const [ended, alive] = await twoAtRest()
    w.daemon.end(await w.containerOf(ended), { code: 0, oomKilled: false })
    let statements = 0
    const counting = w.database.$extends({
      query: {
        $allOperations({ args, query }) {
          statements += 1
          return query(args)
        },
      },
    })
    await sweep({ ...w.parts, database: counting as unknown as Database })
    expect(statements).toBe(1)
    const rows = await w.database.notebook.findMany({ include: { containers: true } })
    const seen = new Map(rows.map(({ id, dueAt, containers }) => [id, { dueAt, mark: containers[0]?.lastSeenAliveAt }]))
    expect(seen.get(ended)).toEqual({ dueAt: expect.any(Date), mark: new Date(0) })
    expect(seen.get(alive)).toEqual({ dueAt: null, mark: expect.toSatisfy((at: Date) => at.getTime() > 0) })
  })

  test('marks who lives once a minute, by which a lost run is billed', async () => {
    w.control()
    const container = await w.containerOf(await w.running())
    await w.clock.hold()
    for (let minute = 1; minute <= 3; minute++) {
      await w.clock.advance(60)
      await w.untilTrue(async () => {
        const { lastSeenAliveAt } = await w.database.container.findUniqueOrThrow({ where: { id: container } })
        return lastSeenAliveAt?.getTime() === w.clock.now().getTime()
      })
    }
  })

  test('marks and wakes also while others sweep at the same time', async () => {
    const [first] = await twoAtRest()
    w.daemon.remove(await w.containerOf(first))
    await Promise.all(Array.from({ length: 8 }, () => sweep(w.parts)))
    expect(await w.database.notebook.findUniqueOrThrow({ where: { id: first } })).toMatchObject({
      dueAt: expect.any(Date),
      state: 'RUNNING',
    })
  })

  test('removes a container only if a newer generation of its notebook is on record, or its row says deleted', async () => {
    const [replaced, deleted] = await twoAtRest()
    await w.database.notebook.update({ where: { id: replaced }, data: { generation: 9 } })
    await w.database.notebook.update({ where: { id: deleted }, data: { deletedAt: new Date() } })
    const old = stranger({ notebook: replaced, generation: 8 })
    const ofDeleted = stranger({ notebook: deleted, generation: 99 })
    const newest = stranger({ notebook: replaced, generation: 9 })
    await sweep(w.parts)
    expect(w.daemon.find(old)).toBeUndefined()
    expect(w.daemon.find(ofDeleted)).toBeUndefined()
    expect(w.daemon.find(newest)?.state).toBe('exited')
  })

  test('a container without a row is stopped and kept, and so are its volumes', async () => {
    const unknown = stranger({})
    await sweep(w.parts)
    expect(w.daemon.find(unknown)?.state).toBe('exited')
    expect(w.daemon.volumes.has('kept')).toBe(true)
  })

  test('what was made but never recorded is removed after 2 min, not before', async () => {
    const inert = stranger({}, false)
    await w.clock.advance(100)
    await sweep(w.parts)
    expect(w.daemon.find(inert)?.state).toBe('created')
    await w.clock.advance(30)
    await sweep(w.parts)
    expect(w.daemon.find(inert)).toBeUndefined()
  })

  test('never looks at a container of another installation', async () => {
    const foreign = stranger({ installation: randomUUID() })
    await sweep(w.parts)
    expect(w.daemon.find(foreign)?.state).toBe('running')
  })
})
