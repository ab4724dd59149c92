/**
 * A world on real parts in which control planes die: a database, and an installation on the Docker daemon and the S3 server under
 * test. Its notebooks are light ones, each with a data store of its own and a bucket for each permission. The test is the user:
 * its wishes go through the use cases, since no control plane lives long enough to be asked.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
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
import {
  type ControlPlane,
  type ControlPlaneOptions,
  type RealParts,
  startControlPlane,
} from '../testkit/control-plane.ts'
import { freshDatabase } from '../testkit/database.ts'
import type { Seen } from '../testkit/invariants.ts'
import { removeInstallation } from '../testkit/leftovers.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { LightNotebook } from '../testkit/light-notebook.ts'
import { viewerFor } from '../testkit/viewer.ts'

export type MortalWorld = Awaited<ReturnType<typeof mortalWorld>>

export const PERMISSIONS = ['RO', 'RW', 'RWD'] as const
export type Permission = (typeof PERMISSIONS)[number]

export const WORKSPACE = '/workspace'
export const mountPathOf = (permission: Permission): string => `/mnt/${permission.toLowerCase()}`

/** In every bucket at the start. */
export const OBJECTS = { kept: 'kept', doomed: 'doomed', third: 'third' }

export interface MortalNotebook {
  id: string
  /** As mutations take it. */
  input: { notebookId: string }
  bucketOf(permission: Permission): string
  /** Whether its store takes the key that it knows. */
  setStoreRefuses(refuses: boolean): Promise<void>
}

export async function mortalWorld() {
  const fresh = await freshDatabase()
  const { database } = fresh
  const s3 = inject('s3')
  const docker = connectDocker(inject('dockerHost'))
  const buckets = new Buckets(s3)
  const tag = randomBytes(4).toString('hex')
  const workspaces = `workspaces-${tag}`
  const made = [workspaces]

  // The light image under a name of this world's own, so that it has to be made.
  const catalogueFile = await makeLightCatalogue((catalogue) => {
    catalogue.images.own = { build: 'light', needs: 'base', args: { WORLD: tag } }
    const light = catalogue.frameworks.find(({ id }) => id === LIGHT.framework)
    for (const version of light?.versions ?? []) version.images = { [LIGHT.editor]: 'own' }
  })
  const catalogue = parseCatalogue(await readFile(catalogueFile, 'utf8'))
  const images = new ImageBuilder(docker, catalogue, dirname(catalogueFile))
  const encryptionKey = randomBytes(32)
  const on: RealParts = {
    databaseUrl: fresh.url,
    dockerHost: inject('dockerHost'),
    catalogueFile,
    encryptionKey: encryptionKey.toString('base64'),
    store: s3,
    workspaceBucket: workspaces,
  }
  await buckets.make(workspaces, {})

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

  const listener = new pg.Client({ connectionString: fresh.url })
  await listener.connect()
  await listener.query('LISTEN cahier_events; LISTEN cahier_wishes')
  const planes = new Set<ControlPlane>()

  return {
    ...parts,
    viewer,
    docker,
    buckets,
    workspaces,

    async plane(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
      const plane = await startControlPlane({ on, ...options })
      planes.add(plane)
      return plane
    },

    /** A light notebook that is wished to run, with a volume for each permission. */
    async notebook(): Promise<MortalNotebook> {
      const dataStoreId = randomUUID()
      const credentials = (secretAccessKey: string) =>
        sealCredentials(parts.vault, dataStoreId, { accessKeyId: s3.accessKey, secretAccessKey })
      await database.dataStore.create({
        data: {
          id: dataStoreId,
          projectId: project.id,
          name: dataStoreId.slice(0, 8),
          endpoint: s3.endpoint,
          region: s3.region,
          pathStyle: true,
          credentials: credentials(s3.secretKey),
        },
      })
      const bucketOf = (permission: Permission) => `${permission.toLowerCase()}-${dataStoreId}`
      for (const permission of PERMISSIONS) {
        await buckets.make(bucketOf(permission), OBJECTS)
        made.push(bucketOf(permission))
      }
      const { id } = await createNotebook(parts, viewer, {
        projectId: encodeId('Project', project.id),
        ...LIGHT,
        volumes: PERMISSIONS.map((permission) => ({
          bucket: { dataStoreId: encodeId('DataStore', dataStoreId), bucket: bucketOf(permission) },
          mountPath: mountPathOf(permission),
          permission,
        })),
      })
      return {
        id,
        input: { notebookId: encodeId('Notebook', id) },
        bucketOf,
        async setStoreRefuses(refuses) {
          const data = { credentials: credentials(refuses ? 'wrong' : s3.secretKey) }
          await database.dataStore.update({ where: { id: dataStoreId }, data })
        },
      }
    },

    inside: (uuid: string) => LightNotebook.of(docker, uuid),

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

    /** What the engine holds of this installation. */
    async look(): Promise<Seen> {
      const volumes = (await engine.listVolumes()).map(({ name }) => name)
      return { containers: await engine.list(), volumes: new Set(volumes) }
    },

    /** What every control plane so far printed and logged; for a test that failed. */
    output: () => [...planes].map((plane) => plane.output()).join('\n---\n'),

    async [Symbol.asyncDispose]() {
      await Promise.all([...planes].map((plane) => plane.kill()))
      await listener.end()
      await removeInstallation(docker, installation)
      if (await images.isThere('own')) await docker.getImage(images.nameOf('own')).remove()
      for (const bucket of made) await buckets.remove(bucket)
      await fresh[Symbol.asyncDispose]()
      await rm(dirname(catalogueFile), { recursive: true })
    },
  }
}
