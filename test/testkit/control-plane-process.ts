/**
 * A control plane as src/main.ts composes it, without its doors and what it checks and makes at its very first start: the real
 * controller and its ears on a database and an engine, and, where one was ordered, a point at which it dies or stands still. What it is told comes as JSON in its first argument.
 */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pino } from 'pino'
import { Vault } from '../../src/access/vault.ts'
import { Controller } from '../../src/controller/controller.ts'
import type { ControllerParts } from '../../src/controller/parts.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { connectFakeEngine } from '../../src/engine/fake/remote.ts'
import { openDatabase } from '../../src/store/database.ts'
import { ensureInstallation, recordNode } from '../../src/store/installation.ts'
import { listen } from '../../src/store/listen.ts'
import type { ControlPlaneOptions, FakeParts, RealParts } from './control-plane.ts'
import { armed, trappedEngine, trappedObserver } from './kill-points.ts'

const CATALOGUE = new URL('../../images/catalogue.json', import.meta.url)
const FEW_CONNECTIONS = 3

const options = JSON.parse(process.argv[2] ?? '') as ControlPlaneOptions
const pass = armed(options.traps ?? [])
const clock = systemClock
const log = pino({ level: options.logLevel ?? 'warn' }, pino.destination({ dest: 2, sync: true }))

const database = openDatabase(options.on.databaseUrl, FEW_CONNECTIONS)
const installation = await ensureInstallation(database)
const { engine, ...parts } = await ('socketPath' in options.on ? onFakes(options.on) : onRealParts(options.on))
await engine.prepare()
await recordNode(database, engine.nodeId, await engine.capacity())
const controller = new Controller({
  ...parts,
  database,
  engine,
  vault: new Vault(Buffer.from(options.on.encryptionKey, 'base64')),
  installation,
  workspaceBucket: options.on.workspaceBucket,
  clock,
  log,
  leaseSeconds: options.leaseSeconds ?? 1,
  sweepSeconds: options.sweepSeconds ?? 60,
  observer: trappedObserver(pass),
})
const listening = listen({ url: options.on.databaseUrl, clock, log }, { cahier_wishes: (id) => controller.wake(id) })
controller.start()
console.log('ready')

process.once('SIGTERM', async () => {
  await controller.stop()
  await listening.close()
  process.exit()
})

// The other end of stdin is the starter's: it closes when that one dies, however it does.
process.stdin.on('end', () => process.exit()).resume()

type Parts = Pick<ControllerParts, 'engine' | 'catalogue' | 'platformStore' | 'allowedPrivateAddresses'>

async function onFakes({ socketPath, nodeId }: FakeParts): Promise<Parts> {
  return {
    engine: trappedEngine(connectFakeEngine({ socketPath, installation, nodeId }), pass),
    catalogue: parseCatalogue(await readFile(CATALOGUE, 'utf8')),
    platformStore: { endpoint: 'http://s3.invalid', region: 'x', accessKey: 'x', secretKey: 'x' },
    allowedPrivateAddresses: [],
  }
}

/** What makes Docker's engine is loaded only where it is needed: many of these processes are started. */
async function onRealParts({ dockerHost, catalogueFile, store }: RealParts): Promise<Parts> {
  const { connectDocker } = await import('../../src/engine/docker/connect.ts')
  const { createDockerEngine } = await import('../../src/engine/docker/engine.ts')
  const { ImageBuilder } = await import('../../src/images/builder.ts')
  const docker = connectDocker(dockerHost)
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  const { ID: nodeId } = await docker.info()
  return {
    engine: trappedEngine(createDockerEngine({ docker, installation, nodeId, images }), pass),
    catalogue,
    platformStore: store,
    allowedPrivateAddresses: [new URL(store.endpoint).host],
  }
}
