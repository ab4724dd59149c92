import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { VOLUME_PATH } from './contract/bench.ts'
import { COMMANDS, shell, useDockerBench } from './docker-bench.ts'

const bench = useDockerBench()

test('a process is nobody special: no root, no capabilities, no way to gain any', async () => {
  const [user, group, ...status] = await bench().outputOf(
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
  const [root, tmp, , size] = await bench().outputOf(shell(script))
  expect([root, tmp, size?.trim()]).toEqual(['refused', 'written', '64'])
})

test('a volume mounted read-only refuses writes', async () => {
  const mounts = [{ volume: `docker-${randomUUID()}`, path: VOLUME_PATH, readOnly: true }]
  expect(await bench().outputOf(shell(`touch ${VOLUME_PATH}/x 2>/dev/null || echo refused`), { mounts })).toEqual([
    'refused',
  ])
})

test('limits are really set, clamped to what the node has', async () => {
  const { docker, engine } = bench()
  const { cpus } = await engine.capacity()
  const spec = bench().specOf(COMMANDS.ends, { cpus: cpus + 100, memoryBytes: 2 ** 27, shmBytes: 2 ** 26, port: 8080 })
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
  const { docker, engine, installation } = bench()
  const volume = `docker-${randomUUID()}`
  const spec = bench().specOf(COMMANDS.ends, { mounts: [{ volume, path: VOLUME_PATH, readOnly: false }] })
  const { notebook } = spec.identity
  const { Config, Name } = await docker.getContainer(await engine.create(spec)).inspect()
  const owner = { 'cahier.installation': installation.id, 'cahier.notebook': notebook }
  expect(Name).toBe(`/${installation.id}-${notebook}-g1-notebook`)
  expect(Config.Labels).toMatchObject({ ...owner, 'cahier.generation': '1', 'cahier.role': 'notebook' })
  expect((await docker.getVolume(volume).inspect()).Labels).toEqual(owner)
})

test('the environment reaches the process, and nothing else of the system', async () => {
  const { installation } = bench()
  const env = { GREETING: 'grüß dich = "alle"', EMPTY: '' }
  const lines = await bench().outputOf(shell('env'), { env })
  expect(lines).toContain(`GREETING=${env.GREETING}`)
  expect(lines).toContain('EMPTY=')
  expect(lines.filter((line) => line.includes(installation.id))).toEqual([])
})

test('notebooks reach no other notebook, while the node reaches them and movers reach each other', async () => {
  const { docker, engine } = bench()
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
  const notebook = await bench().beginReady(serve, { network: 'notebooks', port: 8080 })
  const mover = await bench().beginReady(serve, { network: 'data' })
  expect(await bench().outputOf(knock(await inside(notebook)), { network: 'notebooks' })).toEqual(['silence'])
  expect(await bench().outputOf(knock(await inside(mover)), { network: 'notebooks' })).toEqual(['silence'])
  expect(await bench().outputOf(knock(await inside(mover)), { network: 'data' })).toEqual(['hello'])
  const address = (await engine.inspect(notebook))?.address
  const answer = await fetch(`http://${address?.host}:${address?.port}`)
  expect(await answer.text()).toBe('hello')
})
