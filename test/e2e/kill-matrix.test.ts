/**
 * On real Docker and S3, under several notebooks at once: kill -9 right before and right after each step that calls the engine or a
 * mover, and each engine call that acts; with CAHIER_KILL=full (`npm run test:kill`) also at every other step of the journal, and at all of them
 * for each state and phase in which they are passed. One control plane dies at the first point where none did before, and the
 * next one takes over. A point that is never reached fails the test.
 */
import { expect, test } from 'vitest'
import type { StepName } from '../../src/controller/observer.ts'
import { type Place, TRANSITIONS } from '../../src/domain/lifecycle.ts'
import { findViolations } from '../testkit/invariants.ts'
import { KILL_POINTS, type KillPoint, sentenceOf, type Trap } from '../testkit/kill-points.ts'
import { liveAllLives } from './mortal-life.ts'
import { type MortalWorld, mortalWorld } from './mortal-world.ts'

const FULL = process.env.CAHIER_KILL === 'full'
const TIME_LIMIT_MS = FULL ? 7_200_000 : 1_800_000

/** Whether a step calls the engine or works with a mover. A step that is not here does not compile. */
const CALLS_ENGINE: Readonly<Record<StepName, boolean>> = {
  removeContainer: true,
  reserveNode: false,
  createMover: true,
  startMover: true,
  followMover: true,
  collectMover: true,
  createSyncMover: true,
  beginCheckpoint: false,
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

const POINTS = KILL_POINTS.filter(isTried)
const PLACES = Object.keys(TRANSITIONS) as Place[]

/** Each has to be reached somewhere. */
const must = POINTS.map((point): Trap => ({ point, occurrence: 1, action: 'kill' }))

/** No step is taken in every place, so not all of them are reached. */
const may = FULL
  ? POINTS.flatMap((point) => PLACES.map((place): Trap => ({ point, place, occurrence: 1, action: 'kill' })))
  : []

test('killed before and after each step and call, control planes lose, double and leave nothing', {
  timeout: TIME_LIMIT_MS,
}, async () => {
  await using w = await mortalWorld()
  const over = new AbortController()
  const deaths = dieAndTakeOver(w, [...must, ...may], over.signal)
  try {
    const lives = liveAllLives(w)
    await Promise.race([lives, deaths.then(() => lives)])
    over.abort()
    const left = await deaths
    expect(must.filter((trap) => left.includes(trap)).map(sentenceOf), 'points that were never reached').toEqual([])
    expect(await w.look()).toEqual({ containers: [], volumes: new Set() })
    expect(await violations(w, true)).toEqual([])
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${w.output()}`, { cause: error })
  } finally {
    over.abort()
    await Promise.allSettled([deaths])
  }
})

/** One control plane after the other, until it is over. Answers where none of them died. */
async function dieAndTakeOver(w: MortalWorld, traps: readonly Trap[], signal: AbortSignal): Promise<readonly Trap[]> {
  let left = traps
  const over = new Promise<'over'>((resolve) => signal.addEventListener('abort', () => resolve('over')))
  for (;;) {
    const plane = await w.plane({ traps: left })
    const isOver = (await Promise.race([plane.ended, over])) === 'over'
    // What it is in the middle of, it does to the end, or dies at.
    if (isOver) await plane.stop()
    const sprung = plane.sprung()
    left = left.filter((trap) => trap !== sprung)
    if (isOver) return left
    if (!sprung) throw new Error(`A control plane died by itself:\n${plane.output()}`)
    expect(await violations(w, false), sentenceOf(sprung)).toEqual([])
  }
}

function violations(w: MortalWorld, isSwept: boolean) {
  return findViolations(w.database, w.look, { isSwept, overcommit: w.catalogue.overcommit })
}
