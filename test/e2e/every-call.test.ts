/**
 * On real Docker and S3: kill -9 right before and right after each step that calls the engine or a mover, and each engine call
 * that acts; with CAHIER_KILL=full (`npm run test:kill`) at every step of the journal, and also at their second passage in one process.
 * The points are dealt out to lives that are lived at the same time. A point that its life does not reach fails the test.
 */
import { expect, test } from 'vitest'
import type { StepName } from '../../src/controller/observer.ts'
import { findViolations } from '../testkit/invariants.ts'
import { KILL_POINTS, type KillPoint, type Trap } from '../testkit/kill-points.ts'
import { expectFilesAreWell, liveItsLife, RUNS } from './mortal-life.ts'
import { type MortalWorld, mortalWorld } from './mortal-world.ts'

const FULL = process.env.CAHIER_KILL === 'full'
const LIVES = FULL ? 8 : 4
const TIME_LIMIT_MS = FULL ? 1_800_000 : 600_000

/** Whether a step calls the engine or works with a mover. A step that is not here does not compile. */
const CALLS_ENGINE: Readonly<Record<StepName, boolean>> = {
  removeContainer: true,
  reserveNode: false,
  createMover: true,
  startMover: true,
  followMover: true,
  collectMover: true,
  createSyncMover: true,
  allocate: true,
  provideImage: true,
  createNotebook: true,
  startNotebook: true,
  awaitEditor: true,
  leave: true,
  stopContainer: true,
  freeCompute: false,
  pushVolumes: false,
  removeLocalCopies: true,
  settle: false,
  retrySave: false,
  beginDeletion: false,
  warnOfRunLimit: false,
  forget: false,
}

function isTried(point: KillPoint): boolean {
  const [, kind, name] = point.split(' ')
  return FULL || kind === 'call' || CALLS_ENGINE[name as StepName]
}

/** In the lives that have them, right after a container was made and before it is on record: its successor removes it. */
const MAKES_UNRECORDED: KillPoint = 'after call create'

const trapsAt = (points: readonly KillPoint[], occurrence: number): Trap[] =>
  points.map((point) => ({ point, occurrence, action: 'kill' }))

const dealt = KILL_POINTS.filter(isTried).filter(
  (point) => !/removeUnrecorded/.test(point) && point !== MAKES_UNRECORDED,
)
const lives = Array.from({ length: LIVES }, (_, life) => ({
  number: life + 1,
  must: trapsAt(
    [
      ...dealt.filter((_, index) => index % LIVES === life),
      ...(life === 0 ? [MAKES_UNRECORDED, ...KILL_POINTS.filter((point) => /removeUnrecorded/.test(point))] : []),
    ],
    1,
  ),
  may: FULL
    ? trapsAt(
        dealt.filter((_, index) => (index + LIVES / 2) % LIVES === life),
        2,
      )
    : [],
}))

test.concurrent.each(lives)(
  'life $number: killed before and after its steps and calls, a notebook loses, doubles and leaves nothing',
  async ({ must, may }) => {
    await using w = await mortalWorld()
    const over = new AbortController()
    const deaths = dieAndTakeOver(w, [...must, ...may], over.signal)
    try {
      const id = await Promise.race([liveItsLife(w), deaths.then(() => Promise.withResolvers<never>().promise)])
      over.abort()
      const left = await deaths
      const missed = must.filter((trap) => left.includes(trap)).map(({ point }) => point)
      expect(missed, 'points that were never reached').toEqual([])
      await expectAllIsWell(w, id)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${w.output()}`, { cause: error })
    }
  },
  TIME_LIMIT_MS,
)

/** One control plane after the other, until it is over. Answers where none of them died. */
async function dieAndTakeOver(w: MortalWorld, traps: readonly Trap[], signal: AbortSignal): Promise<readonly Trap[]> {
  let left = traps
  const over = new Promise<'over'>((resolve) => signal.addEventListener('abort', () => resolve('over')))
  for (;;) {
    const plane = await w.plane({ traps: left })
    if ((await Promise.race([plane.ended, over])) === 'over') return left
    const sprung = plane.sprung()
    if (!sprung) throw new Error(`A control plane died by itself:\n${plane.output()}`)
    left = left.filter((trap) => trap !== sprung)
  }
}

async function expectAllIsWell(w: MortalWorld, id: string): Promise<void> {
  await expectFilesAreWell(w, id)
  expect(await w.database.billingPeriod.count({ where: { notebookId: id, endedAt: { not: null } } })).toBe(RUNS)
  const containers = await w.engine.list()
  const volumes = await w.volumes()
  expect(containers).toEqual([])
  expect([...volumes]).toEqual([])
  const look = async () => ({ containers, volumes })
  expect(await findViolations(w.database, look, { isSwept: true, overcommit: w.catalogue.overcommit })).toEqual([])
}
