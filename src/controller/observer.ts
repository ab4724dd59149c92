/** Who is told of the reconciler's work, step by step: the log, and whoever measures or tests it. Nobody here decides anything. */
import type { Logger } from 'pino'
import type { PERFORMERS } from './perform.ts'

/** A step of the journal by its name. */
export type StepName = keyof typeof PERFORMERS

/** Told right before a step is begun, and right after it ended; `error`: what it failed with, or null. Must not throw. */
export interface StepObserver {
  begins(step: StepName, notebookId: string): void
  ended(step: StepName, notebookId: string, error: unknown): void
}

export function stepLog(log: Logger): StepObserver {
  return {
    begins: (step, notebookId) => log.debug({ step, notebookId }, 'step begins'),
    ended: (step, notebookId, error) => log.debug({ step, notebookId, failed: error !== null }, 'step ended'),
  }
}
