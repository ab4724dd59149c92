/**
 * What a step that failed means. The platform's faults are tried again after 1 s … 60 s, and the notebook's message says so;
 * past the phase's budget the notebook is on its way to ERROR. An engine that cannot be reached never changes a RUNNING
 * state, and on the way down it is waited for: nothing is given up that may hold data.
 */
import type { Logger } from 'pino'
import { type Reason, retryDelay } from '../domain/lifecycle.ts'
import { isCalledOff } from '../domain/next-step.ts'
import { EngineUnavailableError, ImageError } from '../engine/port.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import type { Change } from '../store/notebooks.ts'
import { PassingFaultError, PhaseFailedError } from './steps/context.ts'
import { failStart } from './steps/departure.ts'

interface Fault {
  reason: Reason
  /** For the user. */
  message: string
  final: boolean
}

/** Logs what is a bug, where it is handled: here. */
export function faultOf(error: unknown, notebookId: string, step: string, log: Logger): Fault {
  if (error instanceof EngineUnavailableError)
    return { reason: 'PLATFORM', message: 'The container engine does not answer.', final: false }
  if (error instanceof ImageError) return { reason: 'IMAGE', message: error.message, final: false }
  if (error instanceof PassingFaultError) return { reason: 'PLATFORM', message: error.message, final: false }
  if (error instanceof PhaseFailedError) return { reason: error.reason, message: error.message, final: true }
  log.error({ err: error, notebookId, step }, 'a step failed unexpectedly')
  return { reason: 'PLATFORM', message: 'Something went wrong on our side.', final: false }
}

/** The change that a fault makes. `tooLong`: the phase has had its time; `random` is in [0, 1). */
export function afterFault(notebook: Notebook, fault: Fault, at: Date, tooLong: boolean, random: number): Change {
  const attempts = notebook.attempts + 1
  const retryAt = new Date(at.getTime() + retryDelay(attempts, random))
  const retry = { attempts, retryAt }
  const message = `${fault.message} Trying again (${attempts}).`
  switch (notebook.state) {
    case 'STARTING':
      // Called off meanwhile: the wish is who ends it.
      if (isCalledOff(notebook)) return {}
      if (fault.final || tooLong) return failStart(notebook, 'ERROR', fault.reason, fault.message)
      return { to: { state: 'STARTING', phase: notebook.phase, message }, set: retry }
    case 'DELETING':
      if (tooLong)
        return {
          to: { state: 'ERROR', phase: null, reason: fault.reason, message: fault.message },
          set: { desired: 'STOPPED' },
        }
      return { to: { state: 'DELETING', phase: notebook.phase, reason: notebook.reason, message }, set: retry }
    case 'STOPPING':
      return { to: { state: 'STOPPING', phase: notebook.phase, reason: notebook.reason, message }, set: retry }
    case 'RUNNING':
      return { set: retry, events: attempts === 1 ? [unreachable(fault)] : [] }
    default:
      return { set: retry }
  }
}

function unreachable({ message }: Fault) {
  return { type: 'NotebookWarned', code: 'ENGINE_UNREACHABLE', message, dueAt: null } as const
}
