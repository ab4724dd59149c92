import { randomUUID } from 'node:crypto'
import { COMMANDS, interpreter } from '../../../test/engine/contract/fake-programs.ts'
import { describeEngineContract } from '../../../test/engine/contract.ts'
import { FakeDaemon } from './daemon.ts'
import { createFakeEngine } from './engine.ts'

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
