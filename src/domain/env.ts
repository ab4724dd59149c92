/** Environment variables that a user gives to a notebook, and those that are not theirs to set. */
import type { Problems } from './problems.ts'

const MAX_ENV_VARS = 64
const MAX_ENV_BYTES = 32 * 1024

export interface EnvVar {
  name: string
  value: string
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What the platform itself sets, or what would change which programs run. */
const RESERVED = /^(PATH|HOME|LD_.*|JUPYTER_.*|CAHIER_.*)$/

/** Notes what is wrong below `env`. */
export function checkEnv(env: readonly EnvVar[], problems: Problems): void {
  if (env.length > MAX_ENV_VARS) {
    problems.note('env', `must be at most ${MAX_ENV_VARS} variables.`)
    return
  }
  const bytes = env.reduce((sum, { name, value }) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)
  if (bytes > MAX_ENV_BYTES) problems.note('env', `must have at most ${MAX_ENV_BYTES / 1024} KiB in all.`)
  env.forEach(({ name, value }, index) => {
    const isRepeated = env.findIndex((other) => other.name === name) < index
    problems.note(`env.${index}.name`, nameProblem(name) ?? (isRepeated ? 'is set already.' : null))
    problems.note(`env.${index}.value`, value.includes('\0') ? 'must not contain a NUL character.' : null)
  })
}

function nameProblem(name: string): string | null {
  if (!NAME.test(name)) return 'must be letters, digits and "_", and must not begin with a digit.'
  return RESERVED.test(name) ? 'is set by the platform: PATH, HOME, LD_*, JUPYTER_* and CAHIER_* are reserved.' : null
}
