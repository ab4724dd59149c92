/** Errands are carried out beside all notebooks, by one controller or the next, and leave nothing in the engine. */
import { beforeEach, expect, test } from 'vitest'
import { moverSpec } from '../../src/controller/steps/containers.ts'
import { moverThat, type ReportOf } from '../../src/engine/fake/programs.ts'
import { EngineUnavailableError } from '../../src/engine/port.ts'
import type { StoreErrand } from '../../src/generated/prisma/client.ts'
import type { StoreCheck } from '../../src/mover/protocol.ts'
import { claimErrand, renewErrand, settleErrand, wishErrand } from '../../src/store/errands.ts'
import { type World, world } from './world.ts'

let w: World

beforeEach(async () => {
  w = await world()
  return () => w[Symbol.asyncDispose]()
})

async function wishTest(): Promise<StoreErrand> {
  const { id: dataStoreId } = await w.database.dataStore.findFirstOrThrow()
  return w.database.$transaction((tx) => wishErrand(tx, { kind: 'TEST', dataStoreId, bucket: 'data', prefix: 'in/' }))
}

const read = ({ id }: StoreErrand) => w.database.storeErrand.findUniqueOrThrow({ where: { id } })

async function untilState(errand: StoreErrand, state: StoreErrand['state']): Promise<StoreErrand> {
  await w.untilTrue(async () => (await read(errand)).state === state)
  return read(errand)
}

/** Does not wait for the time of the next try. */
async function hurry(errand: StoreErrand, attempts: number): Promise<void> {
  await w.untilTrue(async () => (await read(errand)).state === 'PENDING' && (await read(errand)).attempts === attempts)
  await w.database.storeErrand.update({ where: { id: errand.id }, data: { dueAt: new Date(0) } })
}

function answering(reportOf: ReportOf): void {
  w.daemon.programs = { ...w.daemon.programs, mover: moverThat(undefined, reportOf) }
}

test('a test is made by a mover, with the store’s own keys, and what it found is on record; nothing stays in the engine', async () => {
  const checks: StoreCheck[] = [
    { check: 'ADDRESS', outcome: 'PASSED', message: null },
    { check: 'CONNECTION', outcome: 'FAILED', message: 'It cannot be reached.' },
  ]
  const told: unknown[] = []
  answering((errand) => {
    told.push(errand)
    return { checks }
  })
  w.control()
  const errand = await wishTest()
  const done = await untilState(errand, 'DONE')
  expect(done).toMatchObject({ checks, attempts: 1, message: null, claimedUntil: null, endedAt: expect.any(Date) })
  const keys = { accessKeyId: 'a', secretAccessKey: 's' }
  expect(told).toMatchObject([{ errand: 'test', source: { bucket: 'data', prefix: 'in/', ...keys } }])
  expect(w.containers()).toEqual([])
})

test('what a controller left when it was killed is removed and taken up again by the next', async () => {
  const errand = await wishTest()
  const claimed = await claimErrand(w.database, -1)
  expect(claimed).toMatchObject({ id: errand.id, attempts: 1 })
  const identity = { installation: w.installation, notebook: errand.id, generation: 1, role: 'errand' } as const
  await w.engine.create({ identity, ...moverSpec([]) })
  // It is in no list by which notebooks are looked after.
  expect(await w.engine.list()).toEqual([])
  w.control()
  expect(await untilState(errand, 'DONE')).toMatchObject({ attempts: 2 })
  expect(w.containers()).toEqual([])
})

test('an errand that somebody works on is nobody else’s, and who lost it writes nothing more', async () => {
  const errand = await wishTest()
  const first = await claimErrand(w.database, -1)
  const second = await claimErrand(w.database, 60)
  expect([first?.id, second?.id]).toEqual([errand.id, errand.id])
  expect(await claimErrand(w.database, 60)).toBeNull()
  if (!first) throw new Error('Nothing was claimed')
  expect(await renewErrand(w.database, first, 60)).toBe(false)
  await settleErrand(w.database, first, 'FAILED', 'Too late.')
  expect(await read(errand)).toMatchObject({ state: 'RUNNING', attempts: 2, message: null })
})

test('a mover that ends without a word is tried again, and after the third time that is said', async () => {
  answering(() => null)
  const controller = w.control()
  const errand = await wishTest()
  for (const attempts of [1, 2]) {
    await hurry(errand, attempts)
    controller.wake(null)
  }
  expect(await untilState(errand, 'FAILED')).toMatchObject({
    attempts: 3,
    message: 'The mover ended without a result.',
    endedAt: expect.any(Date),
  })
  expect(w.containers()).toEqual([])
})

test('an engine that does not answer is no fault of the store: it is tried again', async () => {
  w.daemon.faults.refuse(Number.POSITIVE_INFINITY)
  const controller = w.control()
  const errand = await wishTest()
  await w.untilTrue(async () => (await read(errand)).message !== null)
  await expect(w.engine.ping()).rejects.toThrow(EngineUnavailableError)
  w.daemon.faults.refuse(0)
  await hurry(errand, 1)
  controller.wake(null)
  expect(await untilState(errand, 'DONE')).toMatchObject({ message: null })
})
