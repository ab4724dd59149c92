/**
 * Create → RUNNING on a real Docker daemon, beside making, starting and awaiting a container of the same image and limits by
 * hand. The notebook is a light one, that answers a fraction of a second after its start, so that what is seen is what Cahier
 * adds. By hand means the daemon's API: `docker run` would add a process of its own.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Buckets } from '../../../demo/buckets.ts'
import { editorAnswers } from '../../../src/controller/probe.ts'
import { parseCatalogue } from '../../../src/domain/catalogue.ts'
import { ensureDocker } from '../../../src/embedded/docker.ts'
import { ensureObjectStore } from '../../../src/embedded/object-store.ts'
import { connectDocker } from '../../../src/engine/docker/connect.ts'
import { ImageBuilder } from '../../../src/images/builder.ts'
import { createClient } from '../../../src/sdk/client.ts'
import { unwrap } from '../../../src/sdk/errors.ts'
import {
  CreateDataStoreDocument,
  CreateNotebookDocument,
  type CreateNotebookInput,
  CreateProjectDocument,
  DeleteNotebookDocument,
} from '../../../src/sdk/generated/operations.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { freePort, startCahier } from '../../testkit/cahier.ts'
import { removeInstallation } from '../../testkit/leftovers.ts'
import { LIGHT, makeLightCatalogue } from '../../testkit/light-catalogue.ts'
import type { Figure } from '../frame/figure.ts'
import { startBenchPostgres } from '../frame/postgres.ts'
import { takeTurns } from '../frame/rounds.ts'
import type { Say } from '../main.ts'

const AT_ONCE = 8
const LOOK_EVERY_MS = 10
const HOME = fileURLToPath(new URL('../../../.cahier', import.meta.url))
const NEVER = new AbortController().signal

export async function measureRealDocker(say: Say, rounds: number): Promise<Figure[]> {
  const parts = await realParts(say)
  await using _ = parts.held
  const volumes = [{ bucket: { dataStoreId: parts.dataStoreId, bucket: 'bench-data' }, mountPath: '/workspace/data' }]
  const turns = (count: number, more: Partial<CreateNotebookInput>) =>
    takeTurns(
      rounds,
      () => ours(parts, count, more),
      () => byHand(parts, count),
    )
  const compare = async (name: string, limit: number, measured: ReturnType<typeof turns>): Promise<Figure> => {
    const { ours, rival } = await measured
    say(
      `  ${name}: ${ours.map((each) => each.toFixed(2)).join(' ')} s, by hand ${rival.map((each) => each.toFixed(2)).join(' ')} s`,
    )
    const goal = { compare: 'difference', direction: 'at most', limit } as const
    return { name: `real Docker: create → RUNNING, ${name}`, unit: 's', ours, rival, goal }
  }
  say(`create → RUNNING on real Docker, beside a container by hand: ${rounds} rounds`)
  return [
    await compare('no data', 0.5, turns(1, {})),
    await compare('one small volume', 1.5, turns(1, { volumes })),
    await compare(`${AT_ONCE} at once`, 1.5, turns(AT_ONCE, {})),
  ]
}

/** A Cahier with a project, a data store and a bucket, and the daemon that it works on. */
async function realParts(say: Say) {
  await using parts = new AsyncDisposableStack()
  const dockerHost = process.env.DOCKER_HOST ?? (await ensureDocker(HOME, say)).dockerHost
  const docker = connectDocker(dockerHost)
  const catalogueFile = await makeLightCatalogue()
  parts.defer(() => rm(dirname(catalogueFile), { recursive: true }))
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  for (const image of ['mover', 'light'])
    await images.provide(image, ({ message }) => say(message), new AbortController().signal)

  // Labels what is made by hand too, so that all of it goes at the end.
  const installation = randomUUID()
  parts.defer(() => removeInstallation(docker, installation))
  const home = await mkdtemp(join(tmpdir(), 'cahier-bench-store-'))
  parts.defer(() => rm(home, { recursive: true }))
  const s3 = await ensureObjectStore({ docker, installation, home, images }, say)
  await new Buckets(s3).make('bench-data', { 'a.txt': 'a', 'b/c.txt': 'c' })

  const postgres = parts.use(await startBenchPostgres(say))
  const cahier = await startCahier({
    CAHIER_HOME: postgres.home,
    PORT: String(await freePort()),
    DATABASE_URL: postgres.url,
    DOCKER_HOST: dockerHost,
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_REGION: s3.region,
    WORKSPACE_BUCKET: 'bench-workspaces',
    CATALOGUE: catalogueFile,
  })
  const database = openDatabase(postgres.url, 1)
  parts.defer(() => database.$disconnect())
  const ours = await database.installation.findFirstOrThrow()
  parts.defer(() => removeInstallation(docker, ours.id))
  parts.use(cahier)
  const client = createClient(cahier)
  parts.defer(() => client.close())
  const project = unwrap((await client.request(CreateProjectDocument, { input: { name: 'bench' } })).createProject)
  const store = { endpoint: s3.endpoint, region: s3.region, accessKeyId: s3.accessKey, secretAccessKey: s3.secretKey }
  const input = { projectId: project.id, name: 'bench', ...store }
  const { id: dataStoreId } = unwrap((await client.request(CreateDataStoreDocument, { input })).createDataStore)
  return { docker, installation, client, project, dataStoreId, image: images.nameOf('light'), held: parts.move() }
}

type RealParts = Awaited<ReturnType<typeof realParts>>

/** Seconds from the first request until the last of so many runs. */
async function ours(
  { client, project }: RealParts,
  count: number,
  more: Partial<CreateNotebookInput>,
): Promise<number> {
  const began = performance.now()
  const notebooks = await eachOf(count, async () => {
    const input = { projectId: project.id, ...LIGHT, ...more }
    const { id } = unwrap((await client.request(CreateNotebookDocument, { input })).createNotebook)
    return client.waitFor(id, 'RUNNING')
  })
  const seconds = (performance.now() - began) / 1000
  for (const { id: notebookId } of notebooks) {
    unwrap((await client.request(DeleteNotebookDocument, { input: { notebookId, force: true } })).deleteNotebook)
    await client.waitUntilDeleted(notebookId)
  }
  return seconds
}

/** The same of containers with the limits of the light notebook's flavor, each with a volume of its own. */
async function byHand({ docker, installation, image }: RealParts, count: number): Promise<number> {
  const Labels = { 'cahier.installation': installation }
  const volumeOptions = { NoCopy: false, Labels, DriverConfig: { Name: 'local', Options: {} } }
  const network = await docker.createNetwork({ Name: `bench-${randomUUID()}`, Labels })
  const began = performance.now()
  const containers = await eachOf(count, async () => {
    const container = await docker.createContainer({
      Image: image,
      Labels,
      ExposedPorts: { '8888/tcp': {} },
      HostConfig: {
        Init: true,
        NanoCpus: 1e8,
        Memory: 384 * 2 ** 20,
        NetworkMode: network.id,
        PortBindings: { '8888/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        Mounts: [
          { Type: 'volume', Source: `bench-${randomUUID()}`, Target: '/workspace', VolumeOptions: volumeOptions },
        ],
      },
    })
    await container.start()
    const { NetworkSettings } = await container.inspect()
    const port = Number(NetworkSettings.Ports['8888/tcp']?.[0]?.HostPort)
    while (!(await editorAnswers({ host: '127.0.0.1', port }, '/ready', NEVER))) await delay(LOOK_EVERY_MS)
    return container
  })
  const seconds = (performance.now() - began) / 1000
  await Promise.all(containers.map((container) => container.remove({ force: true, v: true })))
  await network.remove()
  return seconds
}

function eachOf<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, make))
}
