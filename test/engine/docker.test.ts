import { describeEngineContract } from './contract.ts'
import { COMMANDS } from './docker-bench.ts'
import { dockerUnderTest, freshInstallation, provideImages } from './node.ts'

describeEngineContract('Docker', async () => {
  const { docker } = dockerUnderTest()
  const images = await provideImages(docker)
  const [own, neighbour] = await Promise.all([freshInstallation(docker, images), freshInstallation(docker, images)])
  return {
    engine: own.engine,
    installation: own.id,
    neighbour: neighbour.engine,
    neighbourInstallation: neighbour.id,
    image: 'mover',
    commands: COMMANDS,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([own[Symbol.asyncDispose](), neighbour[Symbol.asyncDispose]()])
    },
  }
})
