/**
 * kill -9 right before and right after each step of the journal and each engine call that acts. Both lists come from the code.
 * Every point is some life's to die at: the control plane dies there, the next one goes on until the next of its points, and
 * so forth. A point that its life does not reach fails the test. However often the control plane died, the notebook lived its
 * life, and in the end nothing is lost, doubled, left over or billed wrongly.
 */
import { expect, test } from 'vitest'
import type { ControlPlane } from '../testkit/control-plane.ts'
import { KILL_POINTS, type Trap } from '../testkit/kill-points.ts'
import { fileFaults, generationsOf } from './files.ts'
import { liveItsLife, RUNS, warningsOf } from './scenario.ts'
import { faultsAfterAll } from './verdict.ts'
import { type World, world } from './world.ts'

const LIVES = 6

/** A first passage, which every life has, and a second one in the same process, which the steps of one run have not. */
const trapsAt = (occurrence: number): Trap[] => KILL_POINTS.map((point) => ({ point, occurrence, action: 'kill' }))

/** Dealt out in turn, the first ones and the second ones to different lives. */
const lives = Array.from({ length: LIVES }, (_, life) => ({
  number: life + 1,
  must: trapsAt(1).filter((_, index) => index % LIVES === life),
  may: trapsAt(2).filter((_, index) => (index + LIVES / 2) % LIVES === life),
}))

test.concurrent.each(lives)(
  'life $number: killed before and after each of its steps and calls, a notebook loses, doubles and leaves nothing',
  async ({ must, may }) => {
    await using w = await world()
    const over = new AbortController()
    const deaths = dieAndTakeOver(w, [...must, ...may], over.signal)
    try {
      const life = liveItsLife(w)
      const id = await Promise.race([life, deaths.then(() => life)])
      over.abort()
      const left = await deaths
      expect(
        must.filter((trap) => left.includes(trap)),
        'points that were never reached',
      ).toEqual([])
      expect(await faultsAfterAll(w)).toEqual([])
      expect(await fileFaults(w, id)).toEqual([])
      expect(await warningsOf(w, id), 'warnings of one deadline').toBe(1)
      expect(generationsOf(await w.control.history(w.installation), id)).toHaveLength(RUNS)
      expect([...(await w.control.volumes()).keys()], 'volumes left').toEqual([])
    } catch (error) {
      throw new Error(w.output(), { cause: error })
    } finally {
      over.abort()
      await Promise.allSettled([deaths])
    }
  },
)

/** One control plane after the other, until it is over. Answers where none of them died. */
async function dieAndTakeOver(w: World, traps: readonly Trap[], signal: AbortSignal): Promise<readonly Trap[]> {
  let left = traps
  const over = new Promise<'over'>((resolve) => signal.addEventListener('abort', () => resolve('over')))
  for (;;) {
    const plane: ControlPlane = await w.plane({ traps: left })
    const isOver = (await Promise.race([plane.ended, over])) === 'over'
    // What it is in the middle of, it does to the end, or dies at.
    if (isOver) await plane.stop()
    const sprung = plane.sprung()
    left = left.filter((trap) => trap !== sprung)
    if (isOver) return left
    if (!sprung) throw new Error(`A control plane died by itself:\n${plane.output()}`)
  }
}
