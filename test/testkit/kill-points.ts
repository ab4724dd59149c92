/**
 * The places at which a control plane may die, or be paused: right before and right after each step of the journal, and right
 * before and right after each engine call that acts. Both lists come from the code itself, so that nothing new is forgotten.
 *
 * "after call create" lies between the making of a container and its record; "before call …" lies in the gap between the look
 * at the lease and the call, which nothing fences.
 */
import { writeSync } from 'node:fs'
import type { StepName, StepObserver } from '../../src/controller/observer.ts'
import { PERFORMERS } from '../../src/controller/perform.ts'
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
  occurrence: number
  /** `kill`: SIGKILL. `pause`: SIGSTOP; it goes on where it was after SIGCONT. The process prints it before. */
  action: 'kill' | 'pause'
}

export function sentenceOf({ action, point, occurrence }: Trap): string {
  return `${action} ${point} (${occurrence})`
}

/** The first trap that is reached springs, and no other after it. The answer is to be called at every passage of every point. */
export function armed(traps: readonly Trap[]): (point: KillPoint) => void {
  const passages = new Map<KillPoint, number>()
  let isSprung = false
  return (point) => {
    const occurrence = (passages.get(point) ?? 0) + 1
    passages.set(point, occurrence)
    const trap = traps.find((each) => each.point === point && each.occurrence === occurrence)
    if (!trap || isSprung) return
    isSprung = true
    // Written before the signal takes the process, whatever standard output is.
    writeSync(1, `${sentenceOf(trap)}\n`)
    process.kill(process.pid, trap.action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }
}

export function trappedObserver(pass: (point: KillPoint) => void): StepObserver {
  return {
    begins: (step) => pass(`before step ${step}`),
    ended: (step) => pass(`after step ${step}`),
  }
}

/** The engine, with every call that acts between two points. */
export function trappedEngine(engine: ContainerEngine, pass: (point: KillPoint) => void): ContainerEngine {
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
