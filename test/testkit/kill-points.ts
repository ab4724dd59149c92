/**
 * The places at which a control plane may die, or be paused: right before and right after each step of the journal, and right
 * before and right after each engine call that acts. Both lists come from the code itself, so that nothing new is forgotten.
 *
 * "after call create" lies between the making of a container and its record; "before call …" lies in the gap between the look
 * at the lease and the call, which nothing fences.
 */
import { writeSync } from 'node:fs'
import type { StepName, StepObserver } from '../../src/controller/observer.ts'
import { type ContainerEngine, ENGINE_CALLS, type EngineCall } from '../../src/engine/port.ts'

type When = 'before' | 'after'

export type KillPoint = `${When} step ${StepName}` | `${When} call ${EngineCall}`

const ACTING_CALLS = (Object.keys(ENGINE_CALLS) as EngineCall[]).filter((call) => ENGINE_CALLS[call] === 'acts')

/** What happens to the process at its `occurrence`-th passage (1 is the first) of a point. */
export interface Trap {
  point: KillPoint
  occurrence: number
  /** `kill`: SIGKILL. `pause`: SIGSTOP, once "paused" is printed; it goes on where it was after SIGCONT. */
  action: 'kill' | 'pause'
}

/** Call it at every passage of every point. */
export function armed(trap: Trap | null): (point: KillPoint) => void {
  let passages = 0
  return (point) => {
    if (point !== trap?.point) return
    passages += 1
    if (passages !== trap.occurrence) return
    // Written before the signal takes the process, whatever standard output is.
    writeSync(1, `${trap.action} ${point}\n`)
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
