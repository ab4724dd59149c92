/**
 * A control plane as `src/main.ts` makes it, but for its engine, which is the fake one in this process: what starts a
 * notebook here costs nothing, so that what is measured is the control plane. Told by DATABASE_URL, CAHIER_HOME, PORT and
 * BENCH_EDITOR_PORT; prints `ready`.
 */
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { ensureAdmin } from '../../../src/access/admin.ts'
import { Vault } from '../../../src/access/vault.ts'
import { createGraphqlApi } from '../../../src/api/yoga.ts'
import { encryptionKey } from '../../../src/boot/encryption-key.ts'
import { readConfig } from '../../../src/config.ts'
import { Controller } from '../../../src/controller/controller.ts'
import { parseCatalogue } from '../../../src/domain/catalogue.ts'
import { systemClock as clock } from '../../../src/domain/clock.ts'
import { FakeDaemon } from '../../../src/engine/fake/daemon.ts'
import { createFakeEngine } from '../../../src/engine/fake/engine.ts'
import { Hub } from '../../../src/events/hub.ts'
import { EventStreams } from '../../../src/events/streams.ts'
import { createGateway } from '../../../src/gateway/gateway.ts'
import { RouteTable } from '../../../src/gateway/routes.ts'
import { createSignIn } from '../../../src/gateway/sign-in.ts'
import { Readiness } from '../../../src/server/readiness.ts'
import { createServer } from '../../../src/server/server.ts'
import { GraphqlSockets } from '../../../src/server/websocket.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { ensureInstallation, recordNode } from '../../../src/store/installation.ts'
import { listen } from '../../../src/store/listen.ts'

const NODE = 'bench-node'

const config = readConfig()
const { databaseUrl, publicUrl, gatewayDomain } = config
if (!databaseUrl) throw new Error('DATABASE_URL says where to measure')
const log = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: false }))
const catalogue = parseCatalogue(readFileSync(new URL('../../../images/catalogue.json', import.meta.url), 'utf8'))
const vault = new Vault(await encryptionKey(undefined, config.home))
const database = openDatabase(databaseUrl)
const installation = await ensureInstallation(database)
await ensureAdmin(database, config.home)

const daemon = new FakeDaemon({ now: () => new Date(), images: ['mover', 'jupyterlab-python'] })
daemon.address = { host: '127.0.0.1', port: Number(process.env.BENCH_EDITOR_PORT) }
// Room for more than is ever asked for: waiting for room is not what is measured.
daemon.capacity = { cpus: 1_000_000, memoryBytes: 1_000_000 * 2 ** 32, gpus: [] }
const engine = createFakeEngine({ daemon, installation, nodeId: NODE })
await recordNode(database, NODE, daemon.capacity)

const hub = new Hub({ database, clock, log })
const streams = new EventStreams({ database, hub, clock })
const origins = [new URL(publicUrl).origin]
const api = createGraphqlApi({ database, catalogue, vault, clock, streams, publicUrl, gatewayDomain }, { origins, log })
const routes = new RouteTable({ database, clock })
const nobody = { viewerOf: async () => null, viewerOfTokenId: async () => null, mayOpen: async () => false }
const doors = { access: nobody, vault, publicUrl, gatewayDomain, clock, logger: log }
const controller = new Controller({
  database,
  engine,
  catalogue,
  vault,
  clock,
  log,
  installation,
  platformStore: { endpoint: 'http://s3.invalid', region: 'x', accessKey: 'x', secretKey: 'x' },
  workspaceBucket: config.workspaceBucket,
  allowedPrivateAddresses: [],
  leaseSeconds: config.leaseSeconds,
  sweepSeconds: config.sweepSeconds,
})
const server = createServer({
  api,
  signIn: createSignIn(doors),
  sockets: new GraphqlSockets({ api, database, log }),
  gateway: createGateway({ ...doors, routes, editors: catalogue.editors }),
  readiness: new Readiness({ checks: {}, warnings: () => [], clock, log }),
  origins,
  log,
})
listen(
  { url: databaseUrl, clock, log },
  {
    cahier_events: (projectId) => hub.wake(projectId),
    cahier_wishes: (notebookId) => controller.wake(notebookId),
    cahier_routes: (notebookId) => routes.forget(notebookId),
  },
)
hub.start()
await server.listen(config.port, config.host)
controller.start()
console.log('ready')
