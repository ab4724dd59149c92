/**
 * The places at which a control plane may die, or be paused: right before and right after each step of the journal, and right
 * before and right after each engine call that acts. Both lists come from the code itself, so that nothing new is forgotten.
 *
 * "after call create" lies between the making of a container and its record; "before call …" lies in the gap between the look
 * at the lease and the call, which nothing fences.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { writeSync } from 'node:fs'
import type { StepName, StepObserver } from '../../src/controller/observer.ts'
import { PERFORMERS } from '../../src/controller/perform.ts'
import type { Place } from '../../src/domain/lifecycle.ts'
import { type ContainerEngine, ENGINE_CALLS, type EngineCall } from '../../src/engine/port.ts'

type When = 'before' | 'after'

export type KillPoint = `${When} step ${StepName}` | `${When} call ${EngineCall}`

const WHENS = ['before', 'after'] as const
const STEPS = Object.keys(PERFORMERS) as StepName[]
const ACTING_CALLS = (Object.keys(ENGINE_CALLS) as EngineCall[]).filter((call) => ENGINE_CALLS[call] === 'acts')

const STEP_POINTS: readonly KillPoint[] = STEPS.flatMap((step) => WHENS.map((when) => `${when} step ${step}` as const))
export const CALL_POINTS: readonly KillPoint[] = ACTING_CALLS.flatMap((call) =>
  WHENS.map((when) => `${when} call ${call}` as const),
)
export const KILL_POINTS: readonly KillPoint[] = [...STEP_POINTS, ...CALL_POINTS]

/** What happens to the process at its `occurrence`-th passage (1 is the first) of a point. */
export interface Trap {
  point: KillPoint
  /** Counts only passages on behalf of a notebook that was there; all, unless given. */
  place?: Place
  occurrence: number
  /** `kill`: SIGKILL. `pause`: SIGSTOP; it goes on where it was after SIGCONT. The process prints it before. */
  action: 'kill' | 'pause'
}

export function sentenceOf({ action, point, place, occurrence }: Trap): string {
  return `${action} ${point}${place ? ` in ${place}` : ''} (${occurrence})`
}

/** To be called at every passage of every point. */
type Pass = (point: KillPoint) => void

/** Where the notebook was for which the present step is done; calls beside all steps have none. */
const placeOfStep = new AsyncLocalStorage<Place>()

/** The first trap that is reached springs, and no other after it. */
export function armed(traps: readonly Trap[]): Pass {
  const passages = new Map<Trap, number>()
  let isSprung = false
  return (point) => {
    if (isSprung) return
    const here = placeOfStep.getStore()
    const met = traps.filter((trap) => trap.point === point && (!trap.place || trap.place === here))
    for (const trap of met) passages.set(trap, (passages.get(trap) ?? 0) + 1)
    const trap = met.find((each) => passages.get(each) === each.occurrence)
    if (!trap) return
    isSprung = true
    // Written before the signal takes the process, whatever standard output is.
    writeSync(1, `${sentenceOf(trap)}\n`)
    process.kill(process.pid, trap.action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}

export function trappedObserver(pass: Pass): StepObserver {
  return {
    begins({ step, place }) {
      // For all that the step does from here on.
      placeOfStep.enterWith(place)
      pass(`before step ${step}`)
    },
    ended: ({ step }) => pass(`after step ${step}`),
  }
}

/** The engine, with every call that acts between two points. */
export function trappedEngine(engine: ContainerEngine, pass: Pass): ContainerEngine {
  const trapped: Partial<Record<EngineCall, unknown>> = {}
  for (const call of ACTING_CALLS) {
    const method = engine[call] as (...args: unknown[]) => Promise<unknown>
    trapped[call] = async (...args: unknown[]) => {
      pass(`before call ${call}`)
      const result = await method.apply(engine, args)
      pass(`after call ${call}`)
      return result
    }
  }
  return { ...engine, ...trapped } as ContainerEngine
}
