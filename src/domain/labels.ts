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
    checkLabel({ name, value }, `labels.${index}`, problems)
    problems.note(`labels.${index}.name`, isRepeated ? 'is the name of another label.' : null)
  })
}

/** Notes what is wrong with one label, below `path`. */
export function checkLabel({ name, value }: Label, path: string, problems: Problems): void {
  problems.note(`${path}.name`, nameProblem(name))
  problems.note(`${path}.value`, valueProblem(value))
}

/**
 * The labels and the one that the caller's token is for, which every notebook that it makes or changes has. One of that name
 * with another value would put the notebook out of the caller's sight: that is noted.
 */
export function withTokensLabel(labels: readonly Label[], own: Label | null, problems: Problems): readonly Label[] {
  if (!own) return labels
  const index = labels.findIndex(({ name }) => name === own.name)
  if (index === -1) return [...labels, own]
  if (labels[index]?.value !== own.value)
    problems.note(`labels.${index}.value`, `must be "${own.value}", which your token is for.`)
  return labels
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
