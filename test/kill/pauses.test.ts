/**
 * A control plane that stands still between a look at its lease and a call of the engine, or between a call and its record,
 * goes on when its lease has run out and its successor has long gone on; and then it does no harm: its late write is refused,
 * its late call finds nothing to act on.
 */
import { expect, test } from 'vitest'
import type { ControlPlane } from '../testkit/control-plane.ts'
import { CALL_POINTS, type Trap } from '../testkit/kill-points.ts'
import { fileFaults, generationsOf } from './files.ts'
import { liveItsLife, RUNS } from './scenario.ts'
import { faultsAfterAll } from './verdict.ts'
import { type World, world } from './world.ts'

/** How networks are made ready at boot has nothing to do with leases. */
const pauses = CALL_POINTS.filter((point) => !point.endsWith('prepare')).map(
  (point): Trap => ({ point, occurrence: 1, action: 'pause' }),
)

test.concurrent.each(['has gone on', 'has started the notebook anew'] as const)(
  'paused before and after each call that acts, and continued when its successor %s, a control plane does no harm',
  async (when) => {
    await using w = await world()
    const rivals = new Rivals(w, when === 'has gone on')
    const over = new AbortController()
    const succession = rivals.succeedEachOther(over.signal)
    try {
      const life = liveItsLife(w, () => rivals.continueAll())
      const id = await Promise.race([life, succession.then(() => life)])
      over.abort()
      expect(await succession, 'points that were never reached').toEqual([])
      await rivals.continueAll()
      expect(await faultsAfterAll(w)).toEqual([])
      expect(await fileFaults(w, id)).toEqual([])
      expect(generationsOf(await w.control.history(w.installation), id)).toHaveLength(RUNS)
      // A late `create` makes anew the volumes that it mounts; nobody will ever write to them.
      const left = [...(await w.control.volumes())].filter(([, files]) => files.size > 0)
      expect(left).toEqual([])
    } catch (error) {
      throw new Error(w.output(), { cause: error })
    } finally {
      over.abort()
      await Promise.allSettled([succession])
    }
  },
)

/** Control planes of which each stands still at a point where none did before, while the next one takes over. */
class Rivals {
  readonly #w: World
  readonly #soon: boolean
  readonly #standing = new Set<ControlPlane>()

  /** `soon`: one that stands still goes on as soon as its successor has made a change; else when it is told to. */
  constructor(w: World, soon: boolean) {
    this.#w = w
    this.#soon = soon
  }

  /** Until it is over. Answers the points that none of them reached. */
  async succeedEachOther(signal: AbortSignal): Promise<Trap[]> {
    let left = pauses
    const over = new Promise<'over'>((resolve) => signal.addEventListener('abort', () => resolve('over')))
    const comebacks: Promise<void>[] = []
    for (;;) {
      const plane = await this.#w.plane({ traps: left })
      if ((await Promise.race([plane.paused(), over])) === 'over') break
      left = left.filter((trap) => trap !== plane.sprung())
      this.#standing.add(plane)
      if (this.#soon) comebacks.push(this.#comeBack(plane))
    }
    await Promise.all(comebacks)
    return left
  }

  async #comeBack(plane: ControlPlane): Promise<void> {
    const [before] = await this.#w.database.notebook.findMany()
    if (!before) throw new Error('There is a notebook')
    const isOvertaken = ({ leaseEpoch, eventSeq }: typeof before) =>
      leaseEpoch > before.leaseEpoch && eventSeq > before.eventSeq
    await this.#w.until(before.id, (notebook) => isOvertaken(notebook) || notebook.deletedAt !== null)
    await this.#continue(plane)
  }

  async continueAll(): Promise<void> {
    await Promise.all([...this.#standing].map((plane) => this.#continue(plane)))
  }

  /** It does what it was about to do, and then ends: its end shows that it did. */
  async #continue(plane: ControlPlane): Promise<void> {
    this.#standing.delete(plane)
    plane.goOn()
    await plane.stop()
  }
}
