import { createHash, randomUUID } from 'node:crypto'
import { MUTTERED, SPOKEN, VOLUME_PATH } from '../../../test/engine/contract/bench.ts'
import { describeEngineContract } from '../../../test/engine/contract.ts'
import type { Exit, Program } from './container.ts'
import { FakeDaemon } from './daemon.ts'
import { createFakeEngine } from './engine.ts'

const COMMANDS = {
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

const PROGRAMS: Record<keyof typeof COMMANDS, Program> = {
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

const interpreter: Program = (process) => PROGRAMS[process.spec.command?.[0] as keyof typeof COMMANDS](process)

describeEngineContract('the fake', async () => {
  const daemon = new FakeDaemon({ now: () => new Date(), images: ['mover'] })
  daemon.programs = { mover: interpreter, notebook: interpreter }
  daemon.address = { host: '127.0.0.1', port: 1 }
  const installation = randomUUID()
  const neighbourInstallation = randomUUID()
  return {
    engine: createFakeEngine({ daemon, installation, nodeId: 'node' }),
    installation,
    neighbour: createFakeEngine({ daemon, installation: neighbourInstallation, nodeId: 'node' }),
    neighbourInstallation,
    image: 'mover',
    commands: COMMANDS,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
})
