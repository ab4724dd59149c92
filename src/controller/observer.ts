/** Who is told of the reconciler's work, step by step: the log, and whoever measures or tests it. Nobody here decides anything. */
import type { Logger } from 'pino'
import { type Place, placeOf } from '../domain/lifecycle.ts'
import type { Notebook } from '../generated/prisma/client.ts'
import type { PERFORMERS } from './perform.ts'

/** A step of the journal by its name. */
export type StepName = keyof typeof PERFORMERS

/** One step for one notebook; `place`: where the notebook was when it was decided. */
export interface ObservedStep {
  step: StepName
  notebookId: string
  place: Place
}

/** Told right before a step is begun, and right after it ended; `error`: what it failed with, or null. Must not throw. */
export interface StepObserver {
  begins(step: ObservedStep): void
  ended(step: ObservedStep, error: unknown): void
}

export function observedStep(step: StepName, { id, state, phase }: Notebook): ObservedStep {
  return { step, notebookId: id, place: placeOf(state, phase) }
}

export function stepLog(log: Logger): StepObserver {
  return {
    begins: (step) => log.debug(step, 'step begins'),
    ended: (step, error) => log.debug({ ...step, failed: error !== null }, 'step ended'),
  }
}
