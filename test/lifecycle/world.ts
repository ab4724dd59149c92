/**
 * A reconciler on a real database and the fake engine, with one project in it and all of it on one clock, which a test may
 * hold or advance. `until` waits for a condition by the notifications that every change rings, so no test sleeps.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { pino } from 'pino'
import { expect } from 'vitest'
import { Vault } from '../../src/access/vault.ts'
import { Controller } from '../../src/controller/controller.ts'
import type { ControllerParts } from '../../src/controller/parts.ts'
import { sealCredentials } from '../../src/data/credentials.ts'
import { parseCatalogue } from '../../src/domain/catalogue.ts'
import type { Clock } from '../../src/domain/clock.ts'
import { FakeDaemon } from '../../src/engine/fake/daemon.ts'
import { startFakeEditor } from '../../src/engine/fake/editor.ts'
import { createFakeEngine } from '../../src/engine/fake/engine.ts'
import type { NodeCapacity } from '../../src/engine/port.ts'
import type { Notebook, Prisma } from '../../src/generated/prisma/client.ts'
import { ensureInstallation, recordNode } from '../../src/store/installation.ts'
import { wakeNotebooks } from '../../src/store/leases.ts'
import { insertNotebook } from '../../src/store/new-notebook.ts'
import { type Change, changeNotebook } from '../../src/store/notebooks.ts'
import { TestClock } from '../testkit/clock.ts'
import { freshDatabase } from '../testkit/database.ts'

const NODE = 'node-1'
const catalogue = parseCatalogue(readFileSync(new URL('../../images/catalogue.json', import.meta.url), 'utf8'))

export const stop = { desired: 'STOPPED', desiredReason: 'USER' } as const
export const isRunning = ({ state }: { state: string }): boolean => state === 'RUNNING'
export const isSettled = ({ state }: { state: string }): boolean => ['STOPPED', 'FAILED', 'ERROR'].includes(state)

export async function world() {
  const fresh = await freshDatabase()
  const { database } = fresh
  const clock = await TestClock.of(database)
  const editor = await startFakeEditor()
  const daemon = new FakeDaemon({ now: () => clock.now(), images: ['mover', 'jupyterlab-python'] })
  daemon.address = editor.address
  const installation = await ensureInstallation(database)
  const engine = createFakeEngine({ daemon, installation, nodeId: NODE })
  await recordNode(database, NODE, daemon.capacity)
  const vault = new Vault(randomBytes(32))
  const parts: ControllerParts = {
    database,
    engine,
    catalogue,
    vault,
    clock,
    log: pino({ level: 'silent' }),
    installation,
    platformStore: { endpoint: 'http://s3.invalid', region: 'x', accessKey: 'x', secretKey: 'x' },
    workspaceBucket: 'notebooks_workspace',
    allowedPrivateAddresses: [],
    leaseSeconds: 1,
    sweepSeconds: 60,
  }
  const project = await database.project.create({ data: { name: 'p' } })
  const dataStoreId = randomUUID()
  const credentials = sealCredentials(vault, dataStoreId, { accessKeyId: 'a', secretAccessKey: 's' })
  await database.dataStore.create({
    data: {
      id: dataStoreId,
      projectId: project.id,
      name: 's',
      endpoint: 'http://s3.invalid',
      region: 'x',
      pathStyle: true,
      credentials,
    },
  })

  const listener = new pg.Client({ connectionString: fresh.url })
  await listener.connect()
  await listener.query('LISTEN cahier_events; LISTEN cahier_wishes')
  const controllers = new Set<Controller>()
  listener.on('notification', ({ channel, payload }) => {
    if (channel === 'cahier_wishes' && payload) for (const controller of controllers) controller.wake(payload)
  })
  clock.onAdvance = () => {
    for (const controller of controllers) controller.wake(null)
  }

  return {
    ...parts,
    parts,
    /** Of its database. */
    url: fresh.url,
    /** `advance` it instead of sleeping; `hold` it to show that nothing waits for time to pass. */
    clock,
    daemon,
    editor,
    project,

    /** A control plane; any number may run. */
    control(on = engine, by: Clock = clock): Controller {
      const controller = new Controller({ ...parts, engine: on, clock: by })
      controllers.add(controller)
      controller.start()
      return controller
    },

    /** A notebook that is wished to run, with a volume for each permission. */
    notebook(permissions: ('RO' | 'RW' | 'RWD')[] = [], set: Partial<Prisma.NotebookUncheckedCreateInput> = {}) {
      return database.$transaction((tx) =>
        insertNotebook(tx, {
          notebook: {
            id: randomUUID(),
            projectId: project.id,
            name: 'n',
            editor: 'jupyterlab',
            framework: 'python',
            frameworkVersion: '3.13',
            flavor: 'ai1-1-cpu',
            units: 1,
            heldMilliCpus: 1000,
            heldMemoryBytes: 4n * 2n ** 30n,
            ...set,
          },
          labels: [],
          volumes: permissions.map((permission, index) => ({
            dataStoreId,
            bucket: `bucket-${index}`,
            prefix: '',
            mountPath: `/workspace/v${index}`,
            permission,
          })),
        }),
      )
    },

    wish(id: string, set: NonNullable<Change['set']>): Promise<Notebook> {
      return changeNotebook(database, id, null, () => ({ set, wake: true }))
    },

    /** The node has that now. A control plane that runs learns of it by its next round. */
    async resize(capacity: Partial<NodeCapacity>): Promise<void> {
      daemon.capacity = { ...daemon.capacity, ...capacity }
      await recordNode(database, NODE, daemon.capacity)
    },

    /** A notebook that is RUNNING already. */
    async running(permissions: ('RO' | 'RW' | 'RWD')[] = []): Promise<string> {
      const { id } = await this.notebook(permissions)
      await this.until(id, isRunning)
      return id
    },

    /** The id in the engine of the notebook's own container. */
    async containerOf(id: string): Promise<string> {
      return (await database.container.findFirstOrThrow({ where: { notebookId: id, role: 'NOTEBOOK' } })).id
    },

    containers: () => daemon.all(installation),

    periods: (id: string) =>
      database.billingPeriod.findMany({ where: { notebookId: id }, orderBy: { startedAt: 'asc' } }),

    /** Nothing is left in the engine, nor on record of it. */
    async expectNothingLeft(): Promise<void> {
      expect(daemon.all(installation)).toHaveLength(0)
      expect(daemon.volumes.size).toBe(0)
      expect(await database.container.count()).toBe(0)
      expect(await database.localCopy.count()).toBe(0)
    },

    /** Leaves a settled state for a new start, as the use case does. */
    start(id: string): Promise<Notebook> {
      return changeNotebook(database, id, null, () => ({
        to: { state: 'STARTING', phase: 'QUEUED' },
        set: { desired: 'RUNNING', endState: null, stoppedAt: null, heldMilliCpus: 1000 },
        wake: true,
      }))
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

    /** For what rings nobody: looks again after each round trip to the database. */
    async untilQuietly(id: string, holds: (notebook: Notebook) => boolean): Promise<Notebook> {
      for (;;) {
        const notebook = await database.notebook.findUniqueOrThrow({ where: { id } })
        if (holds(notebook)) return notebook
      }
    },

    /** The same for what is no matter of one notebook's row. */
    async untilTrue(holds: () => Promise<boolean>): Promise<void> {
      while (!(await holds()));
    },

    /** States, phases and warnings in their order, as words; not the syncs. */
    async transitions(id: string): Promise<string[]> {
      const events = await database.event.findMany({
        where: { notebookId: id, type: { not: 'SyncProgressed' } },
        orderBy: { seq: 'asc' },
      })
      return events.map(({ type, payload }) => describeEvent(type, payload as Record<string, string>))
    },

    async [Symbol.asyncDispose]() {
      await Promise.all([...controllers].map((controller) => controller.stop()))
      await listener.end()
      await editor[Symbol.asyncDispose]()
      await fresh[Symbol.asyncDispose]()
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>

function describeEvent(type: string, { to, phase, code }: Record<string, string>): string {
  if (type === 'StateChanged') return phase ? `${to}/${phase}` : String(to)
  return phase ?? code ?? type
}
