/** Warnings ahead of a run's deadline. Which was given is written with its event, so each is given once. */
import { warningOf } from '../../domain/run-limit.ts'
import type { StepContext } from './context.ts'

/** `ahead`: how many seconds ahead of the deadline. Does nothing when the deadline was moved meanwhile. */
export async function warnOfRunLimit(context: StepContext, ahead: number): Promise<void> {
  const { stopsAt } = context.notebook
  await context.change((notebook, _, at) => {
    if (notebook.state !== 'RUNNING' || !stopsAt || notebook.stopsAt?.getTime() !== stopsAt.getTime()) return {}
    const message = warningOf({ stopsAt, autoRestart: notebook.autoRestart }, at)
    return {
      set: { warnedAhead: ahead },
      events: [{ type: 'NotebookWarned', code: 'RUN_LIMIT_NEAR', message, dueAt: stopsAt.toISOString() }],
    }
  })
}
