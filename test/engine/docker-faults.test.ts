import { expect, test } from 'vitest'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { ensureNetworks } from '../../src/engine/docker/networks.ts'
import { EngineUnavailableError } from '../../src/engine/port.ts'
import { NEVER } from './contract/bench.ts'
import { COMMANDS, shell, useDockerBench } from './docker-bench.ts'
import { dockerUnderTest, freshInstallation } from './node.ts'
import { openWay } from './way.ts'

const bench = useDockerBench()

test('two who make the networks at once get the same ones', async () => {
  const { docker, images } = bench()
  await using other = await freshInstallation(docker, images)
  const [one, two] = await Promise.all([ensureNetworks(docker, other.id), ensureNetworks(docker, other.id)])
  expect(one).toEqual(two)
  const networks = await docker.listNetworks({ filters: { label: [`cahier.installation=${other.id}`] } })
  expect(networks.map(({ Name }) => Name).sort()).toEqual([one.data.name, one.notebooks.name].sort())
})

test('a network that was removed is made anew, and the start can be tried again', async () => {
  const { docker, images } = bench()
  await using other = await freshInstallation(docker, images)
  const { identity, ...spec } = bench().specOf(COMMANDS.ends)
  const id = await other.engine.create({ ...spec, identity: { ...identity, installation: other.id } })
  const { data } = await ensureNetworks(docker, other.id)
  await docker.getNetwork(data.name).remove()
  await expect(other.engine.start(id)).rejects.toBeInstanceOf(EngineUnavailableError)
  await other.engine.start(id)
  expect(await other.engine.inspect(id)).toMatchObject({ startedAt: expect.any(Date) })
})

test('a slow call holds up nobody else', async () => {
  const { engine } = bench()
  const slow = await bench().beginReady(COMMANDS.defies)
  let stopped = false
  const stopping = engine.stop(slow, 5).then(() => {
    stopped = true
  })
  expect(await bench().outputOf(shell('echo quick'))).toEqual(['quick'])
  expect(stopped).toBe(false)
  await engine.remove(slow, { force: true })
  await stopping
})

test('a daemon that is not there is unavailable, whatever is asked of it', async () => {
  const nobody = bench().engineOver(connectDocker('unix:///nonexistent/docker.sock'))
  const calls = [
    nobody.ping(),
    nobody.prepare(),
    nobody.capacity(),
    nobody.create(bench().specOf(COMMANDS.ends)),
    nobody.start('x'),
    nobody.inspect('x'),
    nobody.stop('x', 1),
    nobody.remove('x', { force: false }),
    nobody.find(bench().specOf(COMMANDS.ends).identity),
    nobody.logTail('x', 1),
    nobody.readFile('x', '/x'),
    nobody.removeVolume('x'),
    nobody.volumeIsThere('x'),
    nobody.diskUsage(),
    nobody.listVolumes(),
    nobody.list(),
    next(nobody.lines('x', NEVER)),
    next(nobody.events(NEVER)),
  ]
  for (const call of await Promise.allSettled(calls))
    expect(call).toMatchObject({ status: 'rejected', reason: expect.any(EngineUnavailableError) })
})

test('streams that break are not mistaken for an end', async () => {
  await using way = await openWay(dockerUnderTest().dockerHost)
  const remote = bench().engineOver(connectDocker(way.dockerHost))
  const id = await bench().beginReady(COMMANDS.defies)
  const lines = remote.lines(id, NEVER)[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  const broken = Promise.allSettled([lines.next(), next(remote.events(NEVER)), remote.stop(id, 30)])
  await way.passed(3)
  way.cut()
  for (const call of await broken)
    expect(call).toMatchObject({ status: 'rejected', reason: expect.any(EngineUnavailableError) })
  await bench().engine.remove(id, { force: true })
})

function next<T>(items: AsyncIterable<T>): Promise<unknown> {
  return items[Symbol.asyncIterator]().next()
}
