/** Saving a workspace because its user says so. */
import type { Viewer } from '../access/tokens.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import { assertStaysUp, wishSyncs } from './live-syncs.ts'
import { type NotebookInput, saveWorkspaceAgain, wish } from './notebooks.ts'
import type { UseCaseParts } from './parts.ts'

/**
 * In RUNNING beside the notebook, as a push on demand; in FAILED or ERROR what could not be saved is tried again. Throws
 * NotFoundError, ForbiddenError, ValidationError, ConflictError, InvalidStateError.
 */
export function saveWorkspace(parts: UseCaseParts, viewer: Viewer, input: NotebookInput): Promise<Notebook> {
  return wish(parts, viewer, 'saveWorkspace', input, async (notebook, tx) => {
    if (notebook.state !== 'RUNNING') return saveWorkspaceAgain(tx, notebook)
    assertStaysUp(notebook, 'saved')
    await wishSyncs(tx, notebook, { direction: 'PUSH' }, [null])
    return { wake: true }
  })
}
