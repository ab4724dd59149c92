/**
 * A Cahier of one's own on real parts: a process as a user would start it, with a database, an installation and a home of its
 * own, the test run's Docker daemon and S3 server, and a project with a data store on the latter.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { Buckets } from '../../demo/buckets.ts'
import { Jupyter } from '../../demo/jupyter.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { type Client, createClient, type StreamItem } from '../../src/sdk/client.ts'
import { unwrap } from '../../src/sdk/errors.ts'
import {
  CreateDataStoreDocument,
  CreateNotebookDocument,
  type CreateNotebookInput,
  CreateProjectDocument,
  DeleteNotebookDocument,
  RestartNotebookDocument,
  StartNotebookDocument,
  StopNotebookDocument,
} from '../../src/sdk/generated/operations.ts'
import { wakeNotebooks } from '../../src/store/leases.ts'
import { type Cahier, freePort, startCahier } from '../testkit/cahier.ts'
import { freshDatabase } from '../testkit/database.ts'
import { removeInstallation } from '../testkit/leftovers.ts'
import { LIGHT } from '../testkit/light-catalogue.ts'
import { LightNotebook } from '../testkit/light-notebook.ts'
import type { Environment } from '../testkit/process.ts'

/** Tests with light notebooks need the catalogue that has them. */
export const lightWorld = (more: Environment = {}) => world({ CATALOGUE: inject('lightCatalogue'), ...more })

export type World = Awaited<ReturnType<typeof world>>

export async function world(more: Environment = {}) {
  const fresh = await freshDatabase()
  const home = await mkdtemp(join(tmpdir(), 'cahier-e2e-'))
  const s3 = inject('s3')
  const dockerHost = more.DOCKER_HOST ?? inject('dockerHost')
  const workspaceBucket = `workspaces-${randomBytes(4).toString('hex')}`
  const environment = {
    CAHIER_HOME: home,
    PORT: String(await freePort()),
    DATABASE_URL: fresh.url,
    DOCKER_HOST: dockerHost,
    S3_ENDPOINT: s3.endpoint,
    S3_ACCESS_KEY: s3.accessKey,
    S3_SECRET_KEY: s3.secretKey,
    S3_REGION: s3.region,
    WORKSPACE_BUCKET: workspaceBucket,
    LEASE_SECONDS: '1',
    ...more,
  }
  let cahier: Cahier = await startCahier(environment)
  let client: Client = createClient(cahier)
  const buckets = new Buckets(s3)
  const docker = connectDocker(dockerHost)
  const made: string[] = [workspaceBucket]

  const { id: projectId } = unwrap(
    (await client.request(CreateProjectDocument, { input: { name: 'e2e' } })).createProject,
  )
  const store = { endpoint: s3.endpoint, region: s3.region, accessKeyId: s3.accessKey, secretAccessKey: s3.secretKey }

  return {
    environment,
    database: fresh.database,
    docker,
    buckets,
    projectId,
    workspaceBucket,
    client: () => client,
    cahier: () => cahier,

    async bucket(objects: Record<string, string | Buffer>): Promise<string> {
      const name = `e2e-${randomBytes(6).toString('hex')}`
      await buckets.make(name, objects)
      made.push(name)
      return name
    },

    async dataStore(change: Partial<typeof store> = {}): Promise<string> {
      const input = { projectId, name: randomBytes(4).toString('hex'), ...store, ...change }
      return unwrap((await client.request(CreateDataStoreDocument, { input })).createDataStore).id
    },

    async create(input: Partial<CreateNotebookInput>) {
      const defaults = { projectId, editor: 'jupyterlab', framework: 'python', flavor: 'ai1-1-cpu' }
      return unwrap((await client.request(CreateNotebookDocument, { input: { ...defaults, ...input } })).createNotebook)
    },

    /** A notebook that is up in no time and does what it is told; for a world with the catalogue that has it. */
    createLight(input: Partial<CreateNotebookInput> = {}) {
      return this.create({ ...LIGHT, ...input })
    },

    /** Resolves when it is RUNNING. */
    async runLight(input: Partial<CreateNotebookInput> = {}) {
      const notebook = await this.createLight(input)
      await client.waitFor(notebook.id, 'RUNNING')
      return { ...notebook, inside: await this.inside(notebook) }
    },

    /** The container of a light notebook. */
    inside: ({ uuid }: { uuid: string }) => LightNotebook.of(docker, uuid),

    async stop(notebookId: string) {
      unwrap((await client.request(StopNotebookDocument, { input: { notebookId } })).stopNotebook)
      return client.waitFor(notebookId, 'STOPPED')
    },

    async start(notebookId: string) {
      unwrap((await client.request(StartNotebookDocument, { input: { notebookId } })).startNotebook)
    },

    async restartNotebook(notebookId: string) {
      unwrap((await client.request(RestartNotebookDocument, { input: { notebookId } })).restartNotebook)
    },

    async delete(notebookId: string, how: { force?: boolean } = {}) {
      unwrap((await client.request(DeleteNotebookDocument, { input: { notebookId, ...how } })).deleteNotebook)
    },

    /** The run's deadline is now. */
    async reachLimit({ uuid }: { uuid: string }): Promise<void> {
      await fresh.database.notebook.update({ where: { id: uuid }, data: { stopsAt: new Date() } })
      await wakeNotebooks(fresh.database, [uuid])
    },

    /** When the notebook first entered this phase, by the database's clock, in ms; null: never. */
    async timeOf({ uuid }: { uuid: string }, phase: string): Promise<number | null> {
      const events = await fresh.database.event.findMany({ where: { notebookId: uuid }, orderBy: { seq: 'asc' } })
      const entered = events.find(({ payload }) => (payload as { phase?: string | null }).phase === phase)
      return entered?.at.getTime() ?? null
    },

    /** Asks again and again until it is so; for what no event tells of. */
    async untilSo<T>(ask: () => Promise<T | null | false>): Promise<T> {
      for (;;) {
        const answer = await ask()
        if (answer) return answer
      }
    },

    jupyter: (notebook: { url: string }) => new Jupyter(notebook.url, cahier.token),

    /** Reads the notebook's events from its creation on until one is like that. */
    async untilItem(
      notebook: { id: string; eventCursor: string },
      holds: (item: StreamItem) => boolean,
    ): Promise<void> {
      for await (const item of client.notebookEvents(notebook.id, { after: notebook.eventCursor }))
        if (holds(item)) return
    },

    /** kill -9 of the control plane, and the next one in its place. */
    async killAndRestart(): Promise<void> {
      await cahier.kill()
      await this.restart()
    },

    async restart(): Promise<void> {
      await client.close()
      cahier = await startCahier(environment)
      client = createClient(cahier)
    },

    async [Symbol.asyncDispose]() {
      await client.close()
      await cahier.kill()
      const { id } = await fresh.database.installation.findFirstOrThrow()
      await removeInstallation(docker, id)
      for (const bucket of made) await buckets.remove(bucket)
      await fresh[Symbol.asyncDispose]()
      await rm(home, { recursive: true })
    },
  }
}
