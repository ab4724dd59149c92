/**
 * A world on real parts in which control planes die: a database, an installation on the Docker daemon under test, and a project
 * with a data store on the real S3 server and one bucket for each permission. The test is the user: its wishes go through the
 * use cases, since no control plane lives long enough to be asked.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { inject } from 'vitest'
import { Buckets } from '../../demo/buckets.ts'
import { Vault } from '../../src/access/vault.ts'
import { sealCredentials } from '../../src/data/credentials.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { createDockerEngine } from '../../src/engine/docker/engine.ts'
import type { Notebook } from '../../src/generated/prisma/client.ts'
import { ImageBuilder } from '../../src/images/builder.ts'
import { ensureInstallation, recordNode } from '../../src/store/installation.ts'
import { wakeNotebooks } from '../../src/store/leases.ts'
import { createNotebook } from '../../src/usecases/create-notebook.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../testkit/control-plane.ts'
import { freshDatabase } from '../testkit/database.ts'
import { removeInstallation } from '../testkit/leftovers.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { LightNotebook } from '../testkit/light-notebook.ts'
import { viewerFor } from '../testkit/viewer.ts'

export type MortalWorld = Awaited<ReturnType<typeof mortalWorld>>

export const PERMISSIONS = ['RO', 'RW', 'RWD'] as const
export type Permission = (typeof PERMISSIONS)[number]

export const mountPathOf = (permission: Permission): string => `/mnt/${permission.toLowerCase()}`

/** In every bucket at the start. */
export const OBJECTS = { kept: 'kept', doomed: 'doomed', third: 'third' }

export async function mortalWorld() {
  const [fresh, home] = await Promise.all([freshDatabase(), mkdtemp(join(tmpdir(), 'cahier-mortal-'))])
  const { database } = fresh
  const s3 = inject('s3')
  const docker = connectDocker(inject('dockerHost'))
  const buckets = new Buckets(s3)
  const tag = randomBytes(4).toString('hex')
  const workspaces = `workspaces-${tag}`
  const bucketOf = (permission: Permission) => `${permission.toLowerCase()}-${tag}`
  for (const permission of PERMISSIONS) await buckets.make(bucketOf(permission), OBJECTS)

  // The light image under a name of this world's own, so that it has to be made.
  const catalogueFile = await makeLightCatalogue((catalogue) => {
    catalogue.images.own = { build: 'light', needs: 'base', args: { WORLD: tag } }
    const light = catalogue.frameworks.find(({ id }) => id === LIGHT.framework)
    for (const version of light?.versions ?? []) version.images = { [LIGHT.editor]: 'own' }
  })
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  const encryptionKey = randomBytes(32)
  const environment = {
    CAHIER_HOME: home,
    DATABASE_URL: fresh.url,
    DOCKER_HOST: inject('dockerHost'),
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_REGION: s3.region,
    WORKSPACE_BUCKET: workspaces,
    CATALOGUE: catalogueFile,
    ENCRYPTION_KEY: encryptionKey.toString('base64'),
  }

  const installation = await ensureInstallation(database)
  const { ID: nodeId } = await docker.info()
  const engine = createDockerEngine({ docker, installation, nodeId, images })
  await recordNode(database, nodeId, await engine.capacity())
  const parts = { database, catalogue, vault: new Vault(encryptionKey), clock: systemClock }

  const user = await database.user.create({ data: { name: 'ada' } })
  const project = await database.project.create({
    data: { name: 'p', members: { create: { userId: user.id, role: 'OWNER' } } },
  })
  const viewer = viewerFor(user)
  const dataStoreId = randomUUID()
  const credentials = (secretAccessKey: string) =>
    sealCredentials(parts.vault, dataStoreId, { accessKeyId: s3.accessKey, secretAccessKey })
  await database.dataStore.create({
    data: {
      id: dataStoreId,
      projectId: project.id,
      name: 's',
      endpoint: s3.endpoint,
      region: s3.region,
      pathStyle: true,
      credentials: credentials(s3.secretKey),
    },
  })

  const listener = new pg.Client({ connectionString: fresh.url })
  await listener.connect()
  await listener.query('LISTEN cahier_events; LISTEN cahier_wishes')
  const planes = new Set<ControlPlane>()

  return {
    ...parts,
    viewer,
    engine,
    buckets,
    workspaces,
    bucketOf,

    async plane(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
      const plane = await startControlPlane({ on: { environment }, ...options })
      planes.add(plane)
      return plane
    },

    /** A light notebook that is wished to run, with a volume for each permission. */
    notebook(): Promise<Notebook> {
      return createNotebook(parts, viewer, {
        projectId: encodeId('Project', project.id),
        ...LIGHT,
        volumes: PERMISSIONS.map((permission) => ({
          bucket: { dataStoreId: encodeId('DataStore', dataStoreId), bucket: bucketOf(permission) },
          mountPath: mountPathOf(permission),
          permission,
        })),
      })
    },

    inside: (uuid: string) => LightNotebook.of(docker, uuid),

    /** Whether the user's store takes the key that it knows. */
    async setStoreRefuses(refuses: boolean): Promise<void> {
      const data = { credentials: credentials(refuses ? 'wrong' : s3.secretKey) }
      await database.dataStore.update({ where: { id: dataStoreId }, data })
    },

    wake: (id: string) => wakeNotebooks(database, [id]),

    /** The notebook, as soon as the condition holds. */
    async until(id: string, holds: (notebook: Notebook) => boolean | Promise<boolean>): Promise<Notebook> {
      for (;;) {
        const changed = once(listener, 'notification')
        const notebook = await database.notebook.findUniqueOrThrow({ where: { id } })
        if (await holds(notebook)) return notebook
        await changed
      }
    },

    async volumes(): Promise<ReadonlySet<string>> {
      const filters = JSON.stringify({ label: [`cahier.installation=${installation}`] })
      const { Volumes } = await docker.listVolumes({ filters })
      return new Set((Volumes ?? []).map(({ Name }) => Name))
    },

    /** What every control plane so far printed and logged; for a test that failed. */
    output: () => [...planes].map((plane) => plane.output()).join('\n---\n'),

    async [Symbol.asyncDispose]() {
      await Promise.all([...planes].map((plane) => plane.kill()))
      await listener.end()
      await removeInstallation(docker, installation)
      if (await images.isThere('own')) await docker.getImage(images.nameOf('own')).remove()
      for (const bucket of [workspaces, ...PERMISSIONS.map(bucketOf)]) await buckets.remove(bucket)
      await fresh[Symbol.asyncDispose]()
      await rm(dirname(catalogueFile), { recursive: true })
      await rm(home, { recursive: true })
    },
  }
}
