/**
 * A world in which control planes die: a fake engine in a process of its own, a database, and a project with a data store and
 * one bucket for each permission. The test is the user: its wishes go through the use cases, and it waits for what becomes of
 * them by the notifications that every change rings, so that no test sleeps.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { pino } from 'pino'
import { Vault } from '../../src/access/vault.ts'
import { sealCredentials } from '../../src/data/credentials.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { encodeId } from '../../src/domain/ids.ts'
import { DOOMED } from '../../src/engine/fake/scribe.ts'
import type { Notebook } from '../../src/generated/prisma/client.ts'
import type { Database } from '../../src/store/database.ts'
import { ensureInstallation, recordNode } from '../../src/store/installation.ts'
import { wakeNotebooks } from '../../src/store/leases.ts'
import { createNotebook } from '../../src/usecases/create-notebook.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../testkit/control-plane.ts'
import { freshDatabase } from '../testkit/database.ts'
import { startFakeEngine } from '../testkit/fake-engine.ts'
import { viewerFor } from '../testkit/viewer.ts'

export const NODE = 'node-1'
export const WORKSPACES = 'workspaces'
export const PERMISSIONS = ['RO', 'RW', 'RWD'] as const
export const IMAGE = 'jupyterlab-python'
/** Progress of a sync is no event and rings nobody; here it does, so that a test can wait for it. */
const RING_FOR_SYNCS = `
  CREATE FUNCTION ring_for_syncs() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('cahier_events', NEW."notebookId"::text); RETURN NULL; END $$;
  CREATE TRIGGER ring_for_syncs AFTER UPDATE ON "DataSync" FOR EACH ROW EXECUTE FUNCTION ring_for_syncs()`

/** Far longer than anything here takes. */
const PATIENCE_MS = 300_000
const CAPACITY = { cpus: 64, memoryBytes: 512 * 2 ** 30, gpus: [] }

const catalogue = parseCatalogue(readFileSync(new URL('../../images/catalogue.json', import.meta.url), 'utf8'))

export const bucketOf = (permission: (typeof PERMISSIONS)[number]): string => `bucket-${permission.toLowerCase()}`
export const mountPathOf = (permission: (typeof PERMISSIONS)[number]): string =>
  `/workspace/${permission.toLowerCase()}`

export async function world() {
  const [fresh, engine] = await Promise.all([freshDatabase(), startFakeEngine(['mover', IMAGE])])
  const { database } = fresh
  const { control } = engine
  await control.setCapacity(CAPACITY)
  for (const permission of PERMISSIONS)
    await control.putObjects(bucketOf(permission), {
      kept: `kept in ${permission}`,
      [DOOMED]: 'removed in the notebook',
    })
  const installation = await ensureInstallation(database)
  await recordNode(database, NODE, CAPACITY)
  const encryptionKey = randomBytes(32)
  const parts = { database, catalogue, vault: new Vault(encryptionKey), clock: systemClock }
  const { viewer, project, dataStoreId } = await makeTenant(parts)

  const listener = new pg.Client({ connectionString: fresh.url })
  await listener.connect()
  await listener.query(`LISTEN cahier_events; LISTEN cahier_wishes; ${RING_FOR_SYNCS}`)
  const planes = new Set<ControlPlane>()

  return {
    ...parts,
    viewer,
    project,
    installation,
    control,
    /** For a sweep of the test's own, at a time when whatever nobody recorded is long overdue. */
    sweeper: {
      database,
      engine: engine.engineOf(installation, NODE),
      clock: { ...systemClock, now: () => new Date(Date.now() + 3_600_000) },
      log: pino({ level: 'silent' }),
    },

    /** A control plane in a process of its own. */
    async plane(options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
      const plane = await startControlPlane({
        on: {
          databaseUrl: fresh.url,
          socketPath: engine.socketPath,
          nodeId: NODE,
          encryptionKey: encryptionKey.toString('base64'),
          workspaceBucket: WORKSPACES,
        },
        ...options,
      })
      planes.add(plane)
      return plane
    },

    /** A notebook that is wished to run, with a volume for each permission. */
    notebook(): Promise<Notebook> {
      return createNotebook(parts, viewer, {
        projectId: encodeId('Project', project.id),
        editor: 'jupyterlab',
        framework: 'python',
        frameworkVersion: '3.13',
        flavor: 'ai1-1-cpu',
        units: 1,
        volumes: PERMISSIONS.map((permission) => ({
          bucket: { dataStoreId: encodeId('DataStore', dataStoreId), bucket: bucketOf(permission) },
          mountPath: mountPathOf(permission),
          permission,
        })),
      })
    },

    row: (id: string) => database.notebook.findUniqueOrThrow({ where: { id } }),
    wake: (id: string) => wakeNotebooks(database, [id]),

    /** The notebook, as soon as the condition holds; fails with where it stands when that takes too long. */
    async until(id: string, holds: (notebook: Notebook) => boolean | Promise<boolean>): Promise<Notebook> {
      const patience = AbortSignal.timeout(PATIENCE_MS)
      for (;;) {
        const changed = once(listener, 'notification', { signal: patience })
        changed.catch(() => undefined)
        const notebook = await this.row(id)
        if (await holds(notebook)) return notebook
        await changed.catch(() => {
          const { state, phase, desired, message, attempts, retryAt, dueAt, leaseUntil } = notebook
          const where = JSON.stringify({ state, phase, desired, message, attempts, retryAt, dueAt, leaseUntil })
          throw new Error(`The notebook stands still: ${where}`)
        })
      }
    },

    /** What every control plane so far printed and logged; for a test that failed. */
    output: () => [...planes].map((plane) => plane.output()).join('\n---\n'),

    async [Symbol.asyncDispose]() {
      await Promise.all([...planes].map((plane) => plane.kill()))
      await listener.end()
      await engine[Symbol.asyncDispose]()
      await fresh[Symbol.asyncDispose]()
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>

async function makeTenant({ database, vault }: { database: Database; vault: Vault }) {
  const user = await database.user.create({ data: { name: 'ada' } })
  const project = await database.project.create({
    data: { name: 'p', members: { create: { userId: user.id, role: 'OWNER' } } },
  })
  const dataStoreId = randomUUID()
  await database.dataStore.create({
    data: {
      id: dataStoreId,
      projectId: project.id,
      name: 's',
      endpoint: 'http://s3.invalid',
      region: 'x',
      pathStyle: true,
      credentials: sealCredentials(vault, dataStoreId, { accessKeyId: 'a', secretAccessKey: 's' }),
    },
  })
  const viewer = viewerFor(user)
  return { viewer, project, dataStoreId }
}
