/**
 * What every role stands on: the database, the engine, the object storage, the images and the catalogue. Brings up the
 * embedded parts that the configuration does not name, and checks those it names: one that cannot be used ends the start
 * with a sentence that names its variable.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Vault } from '../access/vault.ts'
import { type Config, ConfigError, type ObjectStoreAddress } from '../config.ts'
import { PlatformStore } from '../data/platform-store.ts'
import { type Catalogue, parseCatalogue } from '../domain/catalogue.ts'
import { ensureDocker } from '../embedded/docker.ts'
import { writeEnvFile } from '../embedded/env-file.ts'
import { ensureObjectStore } from '../embedded/object-store.ts'
import { ensurePostgres } from '../embedded/postgres.ts'
import { connectDocker } from '../engine/docker/connect.ts'
import { createDockerEngine } from '../engine/docker/engine.ts'
import type { DockerInfo } from '../engine/docker/gpus.ts'
import type { ContainerEngine } from '../engine/port.ts'
import { ImageBuilder } from '../images/builder.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { ensureInstallation, recordNode } from '../store/installation.ts'
import { applyMigrations } from '../store/migrate.ts'
import type { NodeVolumes } from '../store/restore.ts'
import { encryptionKey, existingKey } from './encryption-key.ts'
import { findGpus } from './gpus.ts'
import { provideImages } from './images.ts'
import { Isolation } from './isolation.ts'

export const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
const CATALOGUE = fileURLToPath(new URL('../../images/catalogue.json', import.meta.url))

export interface Foundation {
  database: Database
  databaseUrl: string
  engine: ContainerEngine
  isolation: Isolation
  catalogue: Catalogue
  installation: string
  vault: Vault
  store: PlatformStore
  workspaceBucket: string
  /** `host:port` of private addresses at which data stores may lie: the operator's, and the platform's own. */
  allowedPrivateAddresses: string[]
}

/** Says in short lines what takes time. Throws ConfigError and the parts' own errors, each with one sentence. */
export async function layFoundation(config: Config, say: (line: string) => void): Promise<Foundation> {
  await mkdir(config.home, { recursive: true, mode: 0o700 })
  const catalogue = await readCatalogue(config)
  const vault = new Vault(await encryptionKey(config.encryptionKey, config.home))

  const databaseUrl = await findDatabase(config, say)
  await naming('DATABASE_URL', config.databaseUrl, () => applyMigrations(databaseUrl, MIGRATIONS))
  const database = openDatabase(databaseUrl)
  const installation = await ensureInstallation(database)

  const { docker, dockerHost, engine, images } = await openEngine(config, catalogue, installation, say)
  await engine.prepare()
  const isolation = new Isolation({ docker, installation, allowed: config.notebookAllowedAddresses })
  await isolation.raise()
  if (isolation.gap) say(`Warning: ${isolation.gap}`)
  await recordNode(database, engine.nodeId, await engine.capacity())
  await provideImages(images, catalogue, config.objectStore === undefined, say)

  const address =
    config.objectStore ?? (await ensureObjectStore({ docker, installation, home: config.home, images }, say))
  const store = new PlatformStore(address)
  const workspaceBucket = await naming('S3_ENDPOINT', config.objectStore, () =>
    store.ensureBucket(config.workspaceBucket),
  )
  await writeEnvFile(config.home, { databaseUrl, dockerHost, objectStore: address, workspaceBucket })
  return {
    database,
    databaseUrl,
    engine,
    isolation,
    catalogue,
    installation,
    vault,
    store,
    workspaceBucket,
    allowedPrivateAddresses: [...config.allowedPrivateAddresses, hostAndPort(address)],
  }
}

/** Parts of an installation that is there, as they are: nothing is migrated or made. */
export type FoundParts = Pick<Foundation, 'databaseUrl' | 'vault' | 'store' | 'workspaceBucket'>

/** Embedded parts that have stopped are started, for which the embedded store needs the database's installation. */
export async function findParts(config: Config, say: (line: string) => void): Promise<FoundParts> {
  const key = await existingKey(config.encryptionKey, config.home)
  if (!key) throw new ConfigError(`CAHIER_HOME: there is no installation in ${config.home}, nor is ENCRYPTION_KEY set.`)
  const databaseUrl = await findDatabase(config, say)
  const store = new PlatformStore(config.objectStore ?? (await embeddedStore(config, databaseUrl, say)))
  const workspaceBucket = await naming('S3_ENDPOINT', config.objectStore, () =>
    store.ensureBucket(config.workspaceBucket),
  )
  return { databaseUrl, vault: new Vault(key), store, workspaceBucket }
}

async function embeddedStore(config: Config, databaseUrl: string, say: (line: string) => void) {
  const database = openDatabase(databaseUrl)
  try {
    // No more is read than every version's schema has.
    const [installation] = await database.$queryRaw<{ id: string }[]>`SELECT "id" FROM "Installation"`
    if (!installation) throw new ConfigError('The database holds no installation yet: there is nothing to back up.')
    const { docker, images } = await openEngine(config, await readCatalogue(config), installation.id, say)
    return await ensureObjectStore({ docker, installation: installation.id, home: config.home, images }, say)
  } finally {
    await database.$disconnect()
  }
}

/** The configured database, or the embedded one, which then runs. */
export async function findDatabase(config: Config, say: (line: string) => void): Promise<string> {
  return config.databaseUrl ?? (await ensurePostgres(config.home, say)).url
}

/** What the engine has of that installation's volumes. */
export async function volumesOf(
  config: Config,
  installation: string,
  say: (line: string) => void,
): Promise<NodeVolumes> {
  const { engine } = await openEngine(config, await readCatalogue(config), installation, say)
  return { nodeId: engine.nodeId, names: (await engine.listVolumes()).map(({ name }) => name) }
}

async function openEngine(config: Config, catalogue: Catalogue, installation: string, say: (line: string) => void) {
  const dockerHost = config.dockerHost ?? (await ensureDocker(config.home, say)).dockerHost
  const docker = connectDocker(dockerHost)
  const info: DockerInfo & { ID: string } = await naming('DOCKER_HOST', config.dockerHost, () => docker.info())
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile(config)))
  const gpus = await findGpus(config.gpus, info, dockerHost, say)
  const engine = createDockerEngine({ docker, installation, nodeId: info.ID, images, gpus })
  return { docker, dockerHost, images, engine }
}

const catalogueFile = ({ catalogue }: Config): string => catalogue ?? CATALOGUE

async function readCatalogue(config: Config): Promise<Catalogue> {
  const file = catalogueFile(config)
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`CATALOGUE: ${file} cannot be read.`, { cause })
  })
  return parseCatalogue(text)
}

/** An error while a part is used that the user named becomes a sentence about its variable. */
async function naming<T>(variable: string, configured: unknown, use: () => Promise<T>): Promise<T> {
  if (configured === undefined) return use()
  return use().catch((cause: unknown) => {
    throw new ConfigError(`${variable}: ${sentenceOf(cause)}`, { cause })
  })
}

/** What went wrong in words, also of an error that only carries several others, as one of a failed connection does. */
function sentenceOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message) return sentenceOf(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}

function hostAndPort({ endpoint }: ObjectStoreAddress): string {
  const { hostname, port, protocol } = new URL(endpoint)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
