/** Labels: up to ten names with values on a notebook, to find and to group it by. */
import type { Problems } from './problems.ts'

const MAX_LABELS = 10

export interface Label {
  name: string
  value: string
}

const NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/
const VALUE = /^[\p{L}\p{N}]([\p{L}\p{N} ._/@:+-]{0,61}[\p{L}\p{N}])?$/u

/** Notes what is wrong below `labels`. */
export function checkLabels(labels: readonly Label[], problems: Problems): void {
  if (labels.length > MAX_LABELS) {
    problems.note('labels', `must be at most ${MAX_LABELS}.`)
    return
  }
  labels.forEach(({ name, value }, index) => {
    const isRepeated = labels.findIndex((other) => other.name === name) < index
    problems.note(`labels.${index}.name`, nameProblem(name) ?? (isRepeated ? 'is the name of another label.' : null))
    problems.note(`labels.${index}.value`, valueProblem(value))
  })
}

function nameProblem(name: string): string | null {
  return NAME.test(name)
    ? null
    : 'must be 1 to 63 letters, digits, ".", "_", "/" and "-", beginning and ending with a letter or digit.'
}

function valueProblem(value: string): string | null {
  return value === '' || VALUE.test(value)
    ? null
    : 'must be at most 63 letters, digits, blanks and "._/@:+-", beginning and ending with a letter or digit.'
}
