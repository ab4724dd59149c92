/**
 * The composition root: reads the configuration, brings up the parts, serves, and ends well. Ctrl-C ends the control plane and
 * nothing else: notebooks, and the embedded parts they need, go on, and the next start takes them over.
 */
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { ensureAdmin } from './access/admin.ts'
import { maySee } from './access/policy.ts'
import { authenticate, authenticateById, type Viewer } from './access/tokens.ts'
import { createGraphqlApi } from './api/yoga.ts'
import { type Foundation, layFoundation } from './boot/foundation.ts'
import { removePidFile, writePidFile } from './boot/pid-file.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { workTreeOf } from './boot/work-tree.ts'
import { type Config, readConfig } from './config.ts'
import { Controller } from './controller/controller.ts'
import { stepLog } from './controller/observer.ts'
import { findOrphans } from './controller/orphans.ts'
import { systemClock } from './domain/clock.ts'
import { Hub } from './events/hub.ts'
import { EventStreams } from './events/streams.ts'
import { createGateway } from './gateway/gateway.ts'
import { RouteTable } from './gateway/routes.ts'
import { createSignIn } from './gateway/sign-in.ts'
import { Readiness } from './server/readiness.ts'
import { createServer, type Server } from './server/server.ts'
import { GraphqlSockets } from './server/websocket.ts'
import { listen } from './store/listen.ts'

const say = (line: string): void => console.log(line)
const clock = systemClock

await withoutStackTraces('Cahier cannot start.', async () => {
  const config = readConfig()
  const log = pino({ level: config.logLevel }, pino.destination({ dest: 2, sync: false }))
  warnOfWorkTree(config.home)
  const foundation = await layFoundation(config, say)
  const tokenFile = await ensureAdmin(foundation.database, config.home)
  await warnOfOrphans(foundation)
  const running = await start(config, foundation, log)
  await writePidFile(config.home)
  announce(config, tokenFile)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(running, log))
})

interface Running {
  server: Server
  /** In the order in which they end. */
  parts: readonly (() => Promise<unknown>)[]
}

async function start(config: Config, foundation: Foundation, log: Logger): Promise<Running> {
  const { database, vault, catalogue, engine, isolation, store, workspaceBucket } = foundation
  const { publicUrl, gatewayDomain } = config

  const hub = new Hub({ database, clock, log })
  const streams = new EventStreams({ database, hub, clock })
  const origins = [new URL(publicUrl).origin]
  const useCases = { database, catalogue, vault, clock }
  const api = createGraphqlApi({ ...useCases, streams, publicUrl, gatewayDomain }, { origins, log })

  const routes = new RouteTable({ database, clock })
  const access = {
    viewerOf: (token: string) => authenticate(database, `Bearer ${token}`),
    viewerOfTokenId: (tokenId: string) => authenticateById(database, tokenId),
    mayOpen: (viewer: Viewer, notebookId: string) => maySee(database, viewer, 'Notebook', notebookId),
  }
  const doors = { access, vault, publicUrl, gatewayDomain, clock, logger: log }

  const controller = new Controller({
    ...foundation,
    clock,
    log,
    platformStore: store.address,
    leaseSeconds: config.leaseSeconds,
    sweepSeconds: config.sweepSeconds,
    stopGraceSeconds: config.stopGraceSeconds,
    checkpointSeconds: config.checkpointSeconds,
    waivesBeyondBudget: config.waivesBeyondBudget,
    observer: stepLog(log),
  })

  const server = createServer({
    api,
    signIn: createSignIn(doors),
    sockets: new GraphqlSockets({ api, database, log }),
    gateway: createGateway({ ...doors, routes, editors: catalogue.editors }),
    readiness: new Readiness({
      checks: {
        database: () => database.$queryRaw`SELECT 1`,
        engine: () => engine.ping(),
        objectStorage: () => store.ping(workspaceBucket),
      },
      warnings: () => (isolation.gap ? [isolation.gap] : []),
      clock,
      log,
    }),
    origins,
    log,
  })

  const listening = listen(
    { url: foundation.databaseUrl, clock, log },
    {
      cahier_events: (projectId) => hub.wake(projectId),
      cahier_wishes: (notebookId) => controller.wake(notebookId),
      cahier_routes: (notebookId) => routes.forget(notebookId),
    },
  )
  hub.start()
  await server.listen(config.port, config.host)
  controller.start()
  const guarded = new AbortController()
  const guarding = isolation.hold(guarded.signal, log)
  return {
    server,
    parts: [
      () => controller.stop(),
      () => {
        guarded.abort()
        return guarding
      },
      () => listening.close(),
      () => hub.close(),
      () => database.$disconnect(),
      () => removePidFile(config.home),
    ],
  }
}

/** What is under way is let end for seconds; what then still waits for an answer of the engine ends with the process. */
async function end({ server, parts }: Running, log: Logger): Promise<void> {
  say('Ending; notebooks go on. "npm start" takes them over, "npm run down" saves and stops them.')
  try {
    await server.close()
    for (const close of parts) await close()
  } catch (error) {
    log.error({ err: error }, 'could not end in order')
    process.exitCode = 1
  }
  process.exit()
}

function announce({ publicUrl, home }: Config, tokenFile: string): void {
  say('')
  say('Cahier is ready.')
  say(`  API          ${publicUrl}/graphql (in a browser: GraphiQL)`)
  say(`  admin token  ${tokenFile}`)
  say(`  parts        ${join(home, 'env')} says where database, Docker and object storage are`)
  say('  next         "npm run demo" in another terminal runs a notebook from nothing to its bill')
}

async function warnOfOrphans({ database, engine }: Foundation): Promise<void> {
  const { containers, volumes } = await findOrphans(database, engine)
  if (containers.length + volumes.length === 0) return
  say(
    `Warning: the database does not know ${containers.length} containers and ${volumes.length} volumes in the engine.`,
  )
  say('They are kept; "npm run orphans" lists them and says what can be done.')
}

function warnOfWorkTree(home: string): void {
  const tree = workTreeOf(home)
  if (!tree) return
  say(`Warning: CAHIER_HOME (${home}) holds users' data and lies in the git work tree ${tree}.`)
  say('Cleaning or removing that tree would remove the data: set CAHIER_HOME to another folder for more than a trial.')
}
