/**
 * A control plane as src/main.ts composes it, without its doors: the real controller and its ears on a database and an engine,
 * and, where one was ordered, a point at which it dies or stands still. What it is told comes as JSON in its first argument.
 */
import { readFile } from 'node:fs/promises'
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
import type { ControlPlaneOptions, FakeParts } from './control-plane.ts'
import { armed, trappedEngine, trappedObserver } from './kill-points.ts'

const CATALOGUE = new URL('../../images/catalogue.json', import.meta.url)
const FEW_CONNECTIONS = 3

const options = JSON.parse(process.argv[2] ?? '') as ControlPlaneOptions
const pass = armed(options.traps ?? [])
const clock = systemClock
const log = pino({ level: options.logLevel ?? 'warn' }, pino.destination({ dest: 2, sync: true }))

const { databaseUrl, ...parts } = await ('environment' in options.on
  ? onRealParts(options.on.environment)
  : onFakes(options.on))
const controller = new Controller({
  ...parts,
  engine: trappedEngine(parts.engine, pass),
  clock,
  log,
  leaseSeconds: options.leaseSeconds ?? 1,
  sweepSeconds: options.sweepSeconds ?? 60,
  observer: trappedObserver(pass),
})
const listening = listen({ url: databaseUrl, clock, log }, { cahier_wishes: (id) => controller.wake(id) })
controller.start()
console.log('ready')

process.once('SIGTERM', async () => {
  await controller.stop()
  await listening.close()
  process.exit()
})

// The other end of stdin is the starter's: it closes when that one dies, however it does.
process.stdin.on('end', () => process.exit()).resume()

type Parts = Omit<ControllerParts, 'clock' | 'log' | 'leaseSeconds' | 'sweepSeconds' | 'observer'> & {
  databaseUrl: string
}

async function onFakes({ databaseUrl, socketPath, nodeId, encryptionKey, workspaceBucket }: FakeParts): Promise<Parts> {
  const database = openDatabase(databaseUrl, FEW_CONNECTIONS)
  const installation = await ensureInstallation(database)
  const engine = connectFakeEngine({ socketPath, installation, nodeId })
  await trappedEngine(engine, pass).prepare()
  await recordNode(database, nodeId, await engine.capacity())
  return {
    database,
    databaseUrl,
    engine,
    catalogue: parseCatalogue(await readFile(CATALOGUE, 'utf8')),
    vault: new Vault(Buffer.from(encryptionKey, 'base64')),
    installation,
    platformStore: { endpoint: 'http://s3.invalid', region: 'x', accessKey: 'x', secretKey: 'x' },
    workspaceBucket,
    allowedPrivateAddresses: [],
  }
}

/** Loaded only where it is needed: it is most of what there is to load. */
async function onRealParts(environment: Record<string, string>): Promise<Parts> {
  const { readConfig } = await import('../../src/config.ts')
  const { layFoundation } = await import('../../src/boot/foundation.ts')
  const { store, ...foundation } = await layFoundation(readConfig(environment), () => undefined)
  // Once more, where it can die.
  await trappedEngine(foundation.engine, pass).prepare()
  return { ...foundation, platformStore: store.address }
}
