/** The end of the way down: what is safe in the bucket is removed here, and the notebook settles, or is forgotten. */
import { isSettled } from '../../domain/lifecycle.ts'
import { VolumeInUseError } from '../../engine/port.ts'
import { removeUnrecorded } from './containers.ts'
import { PassingFaultError, type StepContext } from './context.ts'

/** On to the volumes: the workspace is safe, or cannot be saved now. */
export async function pushVolumes(context: StepContext): Promise<void> {
  await context.change(({ endReason, endMessage }) => ({
    to: { state: 'STOPPING', phase: 'PUSHING_DATA', reason: endReason, message: endMessage },
  }))
}

/** Removes the copies that hold nothing of their own. One that was written to and not verified in its bucket stays. */
export async function removeLocalCopies(context: StepContext): Promise<void> {
  const { notebook, parts } = context
  const safe = notebook.localCopies.filter(({ written }) => !written)
  const here = safe.filter(({ nodeId }) => nodeId === parts.engine.nodeId).map(({ engineVolume }) => engineVolume)
  const isLast = safe.length === notebook.localCopies.length
  if (isLast && notebook.sideVolume) here.push(notebook.sideVolume)
  for (const volume of here)
    if (!(await removeVolume(context, volume))) {
      // An inert container that nobody put on record mounts what it was made for.
      await removeUnrecorded(context)
      if (!(await removeVolume(context, volume)))
        throw new PassingFaultError('A local copy is in use by another container.')
    }
  await context.change(async (_, tx) => {
    await tx.localCopy.deleteMany({
      where: { notebookId: notebook.id, target: { in: safe.map(({ target }) => target) }, written: false },
    })
    return isLast ? { set: { sideVolume: null } } : {}
  })
}

/** False when a container has it. */
async function removeVolume(context: StepContext, name: string): Promise<boolean> {
  try {
    await (await context.engineUnderLease()).removeVolume(name)
    return true
  } catch (error) {
    if (error instanceof VolumeInUseError) return false
    throw error
  }
}

/** STOPPED, or as the run ended; FAILED or ERROR when something could not be saved, which then also is not deleted. */
export async function settle(context: StepContext): Promise<void> {
  const unsaved = context.notebook.localCopies.filter(({ written }) => written)
  const fault = unsaved.find(({ saveFault }) => saveFault === 'ERROR') ?? unsaved[0]
  await context.change((notebook, _, at) => ({
    to: fault
      ? {
          state: fault.saveFault === 'ERROR' ? 'ERROR' : 'FAILED',
          phase: null,
          reason: fault.saveFault === 'ERROR' ? 'PLATFORM' : 'DATA_ACCESS',
          message: `${causeOf(notebook)}Not everything is saved; the files are kept. ${unsaved.map(({ saveError }) => saveError).join(' ')}`,
        }
      : {
          state: settledState(notebook.endState),
          phase: null,
          reason: notebook.endReason,
          message: notebook.endMessage,
        },
    set: {
      stoppedAt: notebook.stoppedAt ?? at,
      desired: fault ? 'STOPPED' : notebook.desired,
    },
  }))
}

/** Why the run ended, where that was a fault of its own. */
function causeOf({ endState, endMessage }: { endState: string | null; endMessage: string | null }): string {
  return endMessage && settledState(endState) !== 'STOPPED' ? `${endMessage} ` : ''
}

function settledState(endState: string | null): 'STOPPED' | 'FAILED' | 'ERROR' {
  return endState === 'FAILED' || endState === 'ERROR' ? endState : 'STOPPED'
}

/** A save that failed is tried again by itself, unless a wish has left the settled state since the look. */
export async function retrySave(context: StepContext): Promise<void> {
  await context.change(async (notebook, tx) => {
    if (!isSettled(notebook.state)) return {}
    await tx.localCopy.updateMany({ where: { notebookId: notebook.id }, data: { saveError: null, saveFault: null } })
    return { to: { state: 'STOPPING', phase: 'SAVING_WORKSPACE', message: 'Trying again to save.' } }
  })
}

/** Unless a wish has left the settled state since the look: who starts a notebook that was to be deleted keeps it. */
export async function beginDeletion(context: StepContext): Promise<void> {
  await context.change(({ state }) =>
    isSettled(state) ? { to: { state: 'DELETING', phase: 'REMOVING', reason: 'USER' } } : {},
  )
}

/** Gone from every list; the row stays for the bill and for cursors. The last event of its stream. */
export async function forget(context: StepContext): Promise<void> {
  await context.change((_, __, at) => ({ set: { deletedAt: at }, events: [{ type: 'NotebookDeleted' }] }))
}
