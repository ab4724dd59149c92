import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Dockerode from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { createDockerEngine, type ImageProvider } from '../../src/engine/docker/engine.ts'
import { ensureNetworks } from '../../src/engine/docker/networks.ts'
import { type ContainerEngine, type ContainerSpec, EngineUnavailableError } from '../../src/engine/port.ts'
import { describeEngineContract, MUTTERED, SPOKEN, VOLUME_PATH } from './contract.ts'
import { dockerUnderTest, freshInstallation, type Installation, provideImages } from './node.ts'

const shell = (script: string): string[] => ['sh', '-c', script]

const COMMANDS = {
  speaks: shell(`printf '%s\\n' ${SPOKEN.map((line) => `'${line}'`).join(' ')}; echo ${MUTTERED} >&2; exit 3`),
  digests: shell('sha256sum | cut -c 1-64'),
  ends: shell('exit 0'),
  obeys: shell('trap "exit 7" TERM; echo ready; tail -f /dev/null & wait'),
  defies: shell('trap "" TERM; echo ready; tail -f /dev/null'),
  overeats: shell('tail /dev/zero'),
  writes: shell(`mkdir ${VOLUME_PATH}/deep && printf kept > ${VOLUME_PATH}/deep/file`),
}

const NEVER = new AbortController().signal

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

describe('the Docker engine', () => {
  let docker: Dockerode
  let images: ImageProvider
  let installation: Installation
  let engine: ContainerEngine

  beforeAll(async () => {
    docker = dockerUnderTest().docker
    images = await provideImages(docker)
    installation = await freshInstallation(docker, images)
    engine = installation.engine
  })
  afterAll(() => installation[Symbol.asyncDispose]())

  const specOf = (command: string[], more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    identity: { installation: installation.id, notebook: randomUUID(), generation: 1, role: 'notebook' },
    image: 'mover',
    command,
    env: {},
    user: '42420:42420',
    cpus: 1,
    memoryBytes: 128 * 2 ** 20,
    shmBytes: null,
    network: 'data',
    mounts: [],
    port: null,
    stdin: false,
    readOnlyRoot: true,
    ...more,
  })

  const begin = async (command: string[], more: Partial<ContainerSpec> = {}): Promise<string> => {
    const id = await engine.create(specOf(command, more))
    await engine.start(id)
    return id
  }

  /** All that it prints on stdout until it ends. */
  const outputOf = async (command: string[], more: Partial<ContainerSpec> = {}): Promise<string[]> => {
    const lines: string[] = []
    for await (const line of engine.lines(await begin(command, more), NEVER)) lines.push(line)
    return lines
  }

  /** The output up to the first line, which the program prints when it is ready. */
  const beginReady = async (command: string[], more: Partial<ContainerSpec> = {}): Promise<string> => {
    const id = await begin(command, more)
    for await (const line of engine.lines(id, NEVER)) {
      expect(line).toBe('ready')
      return id
    }
    throw new Error(`The container ended: ${(await engine.logTail(id, 10)).join('\n')}`)
  }

  test('a process is nobody special: no root, no capabilities, no way to gain any', async () => {
    const [user, group, ...status] = await outputOf(
      shell('id -u; id -g; grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):" /proc/self/status'),
    )
    expect([user, group]).toEqual(['42420', '42420'])
    expect(status).toEqual([
      ...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => `${set}:\t0000000000000000`),
      'NoNewPrivs:\t1',
    ])
  })

  test('a read-only root leaves a small /tmp to write to', async () => {
    const script =
      'touch /cahier/x 2>/dev/null || echo refused; touch /tmp/x && echo written; df --output=size -B 1M /tmp'
    const [root, tmp, , size] = await outputOf(shell(script))
    expect([root, tmp, size?.trim()]).toEqual(['refused', 'written', '64'])
  })

  test('a volume mounted read-only refuses writes', async () => {
    const mounts = [{ volume: `docker-${randomUUID()}`, path: VOLUME_PATH, readOnly: true }]
    expect(await outputOf(shell(`touch ${VOLUME_PATH}/x 2>/dev/null || echo refused`), { mounts })).toEqual(['refused'])
  })

  test('limits are really set, clamped to what the node has', async () => {
    const { cpus } = await engine.capacity()
    const spec = specOf(COMMANDS.ends, { cpus: cpus + 100, memoryBytes: 2 ** 27, shmBytes: 2 ** 26, port: 8080 })
    const { HostConfig } = await docker.getContainer(await engine.create(spec)).inspect()
    expect(HostConfig).toMatchObject({
      NanoCpus: cpus * 1e9,
      Memory: 2 ** 27,
      MemorySwap: 2 ** 27,
      ShmSize: 2 ** 26,
      PidsLimit: 4096,
      Init: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
      PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1' }] },
    })
  })

  test('what is made carries whose it is', async () => {
    const volume = `docker-${randomUUID()}`
    const spec = specOf(COMMANDS.ends, { mounts: [{ volume, path: VOLUME_PATH, readOnly: false }] })
    const { notebook } = spec.identity
    const { Config, Name } = await docker.getContainer(await engine.create(spec)).inspect()
    const owner = { 'cahier.installation': installation.id, 'cahier.notebook': notebook }
    expect(Name).toBe(`/${installation.id}-${notebook}-g1-notebook`)
    expect(Config.Labels).toMatchObject({ ...owner, 'cahier.generation': '1', 'cahier.role': 'notebook' })
    expect((await docker.getVolume(volume).inspect()).Labels).toEqual(owner)
  })

  test('the environment reaches the process, and nothing else of the system', async () => {
    const env = { GREETING: 'grüß dich = "alle"', EMPTY: '' }
    const lines = await outputOf(shell('env'), { env })
    expect(lines).toContain(`GREETING=${env.GREETING}`)
    expect(lines).toContain('EMPTY=')
    expect(lines.filter((line) => line.includes(installation.id))).toEqual([])
  })

  test('notebooks reach no other notebook, while the node reaches them and movers reach each other', async () => {
    const serve = [
      'node',
      '-e',
      'require("http").createServer((_, r) => r.end("hello")).listen(8080, () => console.log("ready"))',
    ]
    const knock = (address: string) => [
      'node',
      '-e',
      `fetch("http://${address}:8080", { signal: AbortSignal.timeout(1500) }).then((r) => r.text()).catch(() => "silence").then((answer) => { console.log(answer); process.exit() })`,
    ]
    const inside = async (id: string) => {
      const { NetworkSettings } = await docker.getContainer(id).inspect()
      return Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? ''
    }
    const notebook = await beginReady(serve, { network: 'notebooks', port: 8080 })
    const mover = await beginReady(serve, { network: 'data' })
    expect(await outputOf(knock(await inside(notebook)), { network: 'notebooks' })).toEqual(['silence'])
    expect(await outputOf(knock(await inside(mover)), { network: 'notebooks' })).toEqual(['silence'])
    expect(await outputOf(knock(await inside(mover)), { network: 'data' })).toEqual(['hello'])
    const address = (await engine.inspect(notebook))?.address
    const answer = await fetch(`http://${address?.host}:${address?.port}`)
    expect(await answer.text()).toBe('hello')
  })

  test('two who make the networks at once get the same ones', async () => {
    await using other = await freshInstallation(docker, images)
    const [one, two] = await Promise.all([ensureNetworks(docker, other.id), ensureNetworks(docker, other.id)])
    expect(one).toEqual(two)
    const networks = await docker.listNetworks({ filters: { label: [`cahier.installation=${other.id}`] } })
    expect(networks.map(({ Name }) => Name).sort()).toEqual([one.data.name, one.notebooks.name].sort())
  })

  test('a network that was removed is made anew, and the start can be tried again', async () => {
    await using other = await freshInstallation(docker, images)
    const { identity, ...spec } = specOf(COMMANDS.ends)
    const id = await other.engine.create({ ...spec, identity: { ...identity, installation: other.id } })
    const { data } = await ensureNetworks(docker, other.id)
    await docker.getNetwork(data.name).remove()
    await expect(other.engine.start(id)).rejects.toBeInstanceOf(EngineUnavailableError)
    await other.engine.start(id)
    expect(await other.engine.inspect(id)).toMatchObject({ startedAt: expect.any(Date) })
  })

  test('a slow call holds up nobody else', async () => {
    const slow = await beginReady(COMMANDS.defies)
    let stopped = false
    const stopping = engine.stop(slow, 5).then(() => {
      stopped = true
    })
    expect(await outputOf(shell('echo quick'))).toEqual(['quick'])
    expect(stopped).toBe(false)
    await engine.remove(slow, { force: true })
    await stopping
  })

  test('a daemon that is not there is unavailable, whatever is asked of it', async () => {
    const nobody = createDockerEngine({
      docker: connectDocker('unix:///nonexistent/docker.sock'),
      installation: installation.id,
      nodeId: 'node',
      images,
    })
    const calls = [
      nobody.ping(),
      nobody.prepare(),
      nobody.capacity(),
      nobody.create(specOf(COMMANDS.ends)),
      nobody.start('x'),
      nobody.inspect('x'),
      nobody.stop('x', 1),
      nobody.remove('x', { force: false }),
      nobody.removeUnrecorded(specOf(COMMANDS.ends).identity),
      nobody.logTail('x', 1),
      nobody.readFile('x', '/x'),
      nobody.removeVolume('x'),
      nobody.volumeIsThere('x'),
      nobody.list(),
      next(nobody.lines('x', NEVER)),
      next(nobody.events(NEVER)),
    ]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: 'rejected', reason: expect.any(EngineUnavailableError) })
  })

  test('streams that break are not mistaken for an end', async () => {
    await using way = await openWay(dockerUnderTest().dockerHost)
    const remote = createDockerEngine({
      docker: connectDocker(way.dockerHost),
      installation: installation.id,
      nodeId: 'node',
      images,
    })
    const id = await beginReady(COMMANDS.defies)
    const lines = remote.lines(id, NEVER)[Symbol.asyncIterator]()
    expect((await lines.next()).value).toBe('ready')
    const broken = Promise.allSettled([lines.next(), next(remote.events(NEVER)), remote.stop(id, 30)])
    await way.passed(3)
    way.cut()
    for (const call of await broken)
      expect(call).toMatchObject({ status: 'rejected', reason: expect.any(EngineUnavailableError) })
    await engine.remove(id, { force: true })
  })
})

function next<T>(items: AsyncIterable<T>): Promise<unknown> {
  return items[Symbol.asyncIterator]().next()
}

interface Way extends AsyncDisposable {
  dockerHost: string
  /** Resolves when so many connections have been answered something. */
  passed(connections: number): Promise<void>
  cut(): void
}

/** A way to the daemon that can be cut. */
async function openWay(host: string): Promise<Way> {
  const folder = await mkdtemp(join(tmpdir(), 'way-'))
  const ends = new Set<Socket>()
  let opened = 0
  let noticed = Promise.withResolvers<void>()
  const server = createServer((near) => {
    const far = connect(new URL(host).pathname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(from)
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
    opened += 1
    noticed.resolve()
  })
  server.listen(join(folder, 'docker.sock'))
  await once(server, 'listening')
  return {
    dockerHost: `unix://${folder}/docker.sock`,
    async passed(connections) {
      while (opened < connections) {
        await noticed.promise
        noticed = Promise.withResolvers()
      }
    },
    cut() {
      for (const end of ends) end.destroy()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      await rm(folder, { recursive: true })
    },
  }
}
