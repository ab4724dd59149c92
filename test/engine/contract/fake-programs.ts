/** What the contract's commands do in a fake container. */
import { createHash } from 'node:crypto'
import type { Exit, Program } from '../../../src/engine/fake/container.ts'
import { type Commands, MUTTERED, SPOKEN, VOLUME_PATH } from './bench.ts'

export const COMMANDS: Commands = {
  speaks: ['speaks'],
  digests: ['digests'],
  ends: ['ends'],
  obeys: ['obeys'],
  defies: ['defies'],
  overeats: ['overeats'],
  writes: ['writes'],
}

const exit = (code: number): Exit => ({ code, oomKilled: false })
const runsOn = () => Promise.withResolvers<Exit>().promise

const PROGRAMS: Record<keyof Commands, Program> = {
  speaks: (process) => {
    for (const line of SPOKEN) process.print(line)
    process.printError(MUTTERED)
    return exit(3)
  },
  digests: (process) => {
    process.print(
      createHash('sha256')
        .update(process.stdin ?? '')
        .digest('hex'),
    )
    return exit(0)
  },
  ends: () => exit(0),
  obeys: (process) => {
    process.exitOnTerm = 7
    process.print('ready')
    return runsOn()
  },
  defies: (process) => {
    process.exitOnTerm = null
    process.print('ready')
    return runsOn()
  },
  overeats: () => ({ code: 137, oomKilled: true }),
  writes: (process) => {
    process.write(`${VOLUME_PATH}/deep/file`, 'kept')
    return exit(0)
  },
}

export const interpreter: Program = (process) => PROGRAMS[process.spec.command?.[0] as keyof Commands](process)
