/** Moving the deadline of the present run. The next run has a deadline of its own again. */
import type { Viewer } from '../access/tokens.ts'
import { InvalidStateError } from '../domain/errors.ts'
import { extendedDeadline, newDeadline } from '../domain/run-limit.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { type NotebookInput, refusal, wish } from './notebooks.ts'
import type { UseCaseParts } from './parts.ts'

export interface ExtendNotebookInput extends NotebookInput {
  /** By how much the deadline moves. */
  seconds: number
}

/** From RUNNING, to at most 28 days after the run began. Throws also InvalidStateError, ValidationError. */
export function extendNotebook(parts: UseCaseParts, viewer: Viewer, input: ExtendNotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'extendNotebook', input, (notebook, _tx, at) => {
    const { startedAt, stopsAt } = notebook
    if (notebook.state !== 'RUNNING' || !startedAt || !stopsAt) throw refusal(notebook, 'extended', ['RUNNING'])
    if (notebook.desired !== 'RUNNING' || notebook.restartWished)
      throw new InvalidStateError('The run is about to end and cannot be extended.', notebook.state, ['RUNNING'])
    return { set: newDeadline(extendedDeadline({ startedAt, stopsAt }, input.seconds), at), wake: true }
  })
}
