/** Users' data below a git work tree goes with a careless clean or clone: the user is told. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The work tree that `folder` lies in, or null. */
export function workTreeOf(folder: string): string | null {
  if (existsSync(join(folder, '.git'))) return folder
  const parent = dirname(folder)
  return parent === folder ? null : workTreeOf(parent)
}
