/** Which function does which step. */
import type { Step } from '../domain/next-step.ts'
import { observedStep } from './observer.ts'
import { allocate, reserveNode } from './steps/admission.ts'
import { beginCheckpoint } from './steps/checkpoints.ts'
import { removeContainer } from './steps/containers.ts'
import type { StepContext } from './steps/context.ts'
import { freeCompute, leave, stopContainer } from './steps/departure.ts'
import { createSyncMover } from './steps/live-syncs.ts'
import { collectMover, createMover, followMover, startMover } from './steps/movers.ts'
import { awaitEditor, createNotebook, provideImage, startNotebook } from './steps/notebook-container.ts'
import { warnOfRunLimit } from './steps/run-limit.ts'
import { beginDeletion, forget, pushVolumes, removeLocalCopies, retrySave, settle } from './steps/settle.ts'

type Performable = Exclude<Step, { name: 'rest' }>

type Performers = {
  [Name in Performable['name']]: (context: StepContext, step: Extract<Step, { name: Name }>) => Promise<void>
}

/** Every step of the journal. A step added to `Step` without a line here does not compile. */
export const PERFORMERS: Performers = {
  removeContainer: (context, { container }) => removeContainer(context, container),
  reserveNode,
  createMover: (context, { purpose }) => createMover(context, purpose),
  startMover: (context, { container }) => startMover(context, container),
  followMover: (context, { container, until }) => followMover(context, container, until),
  collectMover: (context, { container }) => collectMover(context, container),
  createSyncMover: (context, { operation }) => createSyncMover(context, operation),
  beginCheckpoint,
  allocate,
  provideImage,
  createNotebook,
  startNotebook: (context, { container }) => startNotebook(context, container),
  awaitEditor: (context, { container }) => awaitEditor(context, container),
  warnOfRunLimit: (context, { ahead }) => warnOfRunLimit(context, ahead),
  leave: (context, { because, container }) => leave(context, because, container),
  stopContainer: (context, { container }) => stopContainer(context, container),
  freeCompute,
  pushVolumes,
  removeLocalCopies,
  settle,
  retrySave,
  beginDeletion,
  forget,
}

export async function perform(context: StepContext, step: Performable): Promise<void> {
  const { observer } = context.parts
  const performer = PERFORMERS[step.name] as (context: StepContext, step: Performable) => Promise<void>
  const observed = observedStep(step.name, context.notebook)
  observer?.begins(observed)
  try {
    await performer(context, step)
    observer?.ended(observed, null)
  } catch (error) {
    observer?.ended(observed, error)
    throw error
  }
}
