/**
 * The real parts of a run, all its own: PostgreSQL, a Docker daemon whose disk can be filled, Ceph's S3 server, and two ways
 * to it, one for the platform's workspaces and one for the users' volumes. Each can be broken and comes back.
 */
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type Dockerode from 'dockerode'
import { Buckets } from '../../demo/buckets.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { until } from '../../src/embedded/daemon.ts'
import { ensurePrivateDocker, privateDockerProcess, stopDocker } from '../../src/embedded/docker.ts'
import { ensurePostgres, stopPostgres } from '../../src/embedded/postgres.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { createDockerEngine } from '../../src/engine/docker/engine.ts'
import { ensureNetworks } from '../../src/engine/docker/networks.ts'
import type { ContainerEngine } from '../../src/engine/port.ts'
import { ImageBuilder } from '../../src/images/builder.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { ensureInstallation } from '../../src/store/installation.ts'
import { applyMigrations } from '../../src/store/migrate.ts'
import type { Environment } from '../testkit/process.ts'
import { loadImages } from './images.ts'
import { mountSmallDisk } from './namespaces.ts'
import { StoreWay } from './store-way.ts'

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
const DISK_BYTES = 3 * 2 ** 30
const STORE_PORT = 9000
const STORE_USER = 64045

/** In seconds, until an answer. A daemon that a full disk keeps from starting is started again meanwhile, as a supervisor does. */
const STORE_SECONDS = 180
const DAEMON_SECONDS = 300

/** Short, so that it is often lost; a machine that is busy with something else can keep it. */
export const LEASE_SECONDS = 5

export const WORKSPACES = 'workspaces'

/** What the outer process made. */
export interface HandOver {
  /** Everything of the run lies below it. */
  folder: string
  catalogueFile: string
  imageFiles: string[]
}

export interface Parts {
  database: Database
  docker: Dockerode
  engine: ContainerEngine
  installation: string
  overcommit: { cpu: number; memory: number }
  buckets: Buckets
  store: { accessKey: string; secretKey: string; region: string }
  platformWay: StoreWay
  usersWay: StoreWay
  /** Where what notebooks write lies. */
  disk: string
  /** Of every control plane; each adds its home and port. */
  environment: Environment
  postgres: Breakable
  daemon: Breakable
  [Symbol.asyncDispose](): Promise<void>
}

/** A part that can be ended in order, killed, and brought up again. */
interface Breakable {
  restart(): Promise<void>
  killAndRestart(): Promise<void>
}

const quietly = (): void => undefined

/** Made one after the other, until the signal aborts; what was made is stopped again where not all can be. */
export async function makeParts({ folder, catalogueFile, imageFiles }: HandOver, signal: AbortSignal): Promise<Parts> {
  await using made = new AsyncDisposableStack()
  const databaseHome = join(folder, 'database')
  await mkdir(databaseHome)
  const { url } = await ensurePostgres(databaseHome, quietly)
  made.defer(async () => void (await stopPostgres(databaseHome)))
  await applyMigrations(url, MIGRATIONS)
  const database = openDatabase(url)
  made.defer(() => database.$disconnect())
  const installation = await ensureInstallation(database)

  const disk = join(folder, 'disk')
  await mountSmallDisk(disk, DISK_BYTES)
  const { dockerHost } = await ensurePrivateDocker(disk, quietly)
  made.defer(async () => void (await stopDocker(disk)))
  const docker = connectDocker(dockerHost)
  await loadImages(docker, imageFiles, signal)
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  const { ID: nodeId } = (await docker.info()) as { ID: string }
  const engine = createDockerEngine({ docker, installation, nodeId, images })
  await engine.prepare()
  const { data } = await ensureNetworks(docker, installation)

  const store = { accessKey: 'chaos', secretKey: randomBytes(16).toString('hex'), region: 'us-east-1' }
  await startStore(docker, images.nameOf('s3'), join(folder, 'store'), data, store)
  const direct = { host: data.gateway, port: STORE_PORT }
  const buckets = new Buckets({ endpoint: `http://${data.gateway}:${STORE_PORT}`, ...store })
  const awaitStore = async () => {
    if (!(await until(() => succeeds(buckets.make(WORKSPACES, {})), STORE_SECONDS)))
      throw new Error('The object store does not answer')
  }
  await awaitStore()
  const platformWay = new StoreWay({ host: data.gateway, port: STORE_PORT + 1 }, direct)
  const usersWay = new StoreWay({ host: data.gateway, port: STORE_PORT + 2 }, direct)
  for (const way of [platformWay, usersWay]) {
    await way.become('open')
    made.defer(() => way.become('shut'))
  }
  signal.throwIfAborted()

  /** The store is in the daemon's care, and so comes back with it. */
  const startDaemonAgain = async () => {
    if (!(await until(() => succeeds(ensurePrivateDocker(disk, quietly)), DAEMON_SECONDS)))
      throw new Error('The Docker daemon does not start')
    await awaitStore()
  }
  const all = made.move()
  return {
    database,
    docker,
    engine,
    installation,
    overcommit: catalogue.overcommit,
    buckets,
    store,
    platformWay,
    usersWay,
    disk,
    environment: {
      DATABASE_URL: url,
      DOCKER_HOST: dockerHost,
      S3_ENDPOINT: platformWay.endpoint,
      S3_ACCESS_KEY: store.accessKey,
      S3_SECRET_KEY: store.secretKey,
      S3_REGION: store.region,
      WORKSPACE_BUCKET: WORKSPACES,
      ALLOWED_PRIVATE_ADDRESSES: new URL(usersWay.endpoint).host,
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      CATALOGUE: catalogueFile,
      LEASE_SECONDS: String(LEASE_SECONDS),
      SWEEP_SECONDS: '5',
    },
    postgres: {
      async restart() {
        await stopPostgres(databaseHome)
        await ensurePostgres(databaseHome, quietly)
      },
      async killAndRestart() {
        process.kill(await postmaster(database), 'SIGKILL')
        await ensurePostgres(databaseHome, quietly)
      },
    },
    daemon: {
      async restart() {
        // Busy as it is it may take longer than it is given.
        if (!(await until(() => succeeds(stopDocker(disk)), DAEMON_SECONDS)))
          throw new Error('The Docker daemon does not end')
        await startDaemonAgain()
      },
      async killAndRestart() {
        const pid = await privateDockerProcess(disk)
        if (pid) process.kill(pid, 'SIGKILL')
        await startDaemonAgain()
      },
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  )
}

/** Its files lie on the real disk: a full one of the notebooks' node is not the store's. */
async function startStore(
  docker: Dockerode,
  image: string,
  folder: string,
  network: { name: string; gateway: string },
  { accessKey, secretKey }: { accessKey: string; secretKey: string },
): Promise<void> {
  await mkdir(folder)
  await chown(folder, STORE_USER, STORE_USER)
  const container = await docker.createContainer({
    Image: image,
    Env: [`S3_ACCESS_KEY=${accessKey}`, `S3_SECRET_KEY=${secretKey}`],
    HostConfig: {
      NetworkMode: network.name,
      PortBindings: { '9000/tcp': [{ HostIp: network.gateway, HostPort: String(STORE_PORT) }] },
      Binds: [`${folder}:/data`],
      // Not 'unless-stopped': a daemon that was killed ends what it finds running, and takes that for an end by hand.
      RestartPolicy: { Name: 'always' },
    },
  })
  await container.start()
}

/** The process id of the server. */
async function postmaster(database: Database): Promise<number> {
  const [row] = await database.$queryRaw<{ pid: string }[]>`
    SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1) AS pid`
  return Number(row?.pid)
}
