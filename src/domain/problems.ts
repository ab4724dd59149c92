/** Collects everything that is wrong with an input, so that a caller hears of all of it at once. */
import { type FieldProblem, ValidationError } from './errors.ts'

export class Problems {
  readonly #found: FieldProblem[] = []

  /** `path` is below `input`, e.g. "volumes.1.mountPath"; a null `problem` is none. */
  note(path: string, problem: string | null): void {
    if (problem !== null) this.#found.push({ path, message: problem })
  }

  /** Throws ValidationError with all that was noted, if anything was. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw new ValidationError(this.#found)
  }
}

/** What is wrong with a whole number between two bounds, both allowed; null: nothing. */
export function wholeNumberProblem(value: number, least: number, most: number): string | null {
  return Number.isInteger(value) && value >= least && value <= most
    ? null
    : `must be a whole number from ${least} to ${most}.`
}

const CONTROL = /\p{Cc}/u

/** What is wrong with a name that people give to things: 1 to 100 characters, no control characters, not only blanks. */
export function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'must not be empty.'
  if ([...name].length > 100) return 'must have at most 100 characters.'
  return CONTROL.test(name) ? 'must not contain control characters.' : null
}
