/**
 * What the model-based test acts on: a few notebooks, any number of control planes, and everything that can happen to them.
 * Every act may be done at any time; what it does not apply to is left as it is.
 */
import { setImmediate } from 'node:timers/promises'
import { sweep } from '../../src/controller/sweep.ts'
import { DomainError } from '../../src/domain/errors.ts'
import { encodeId } from '../../src/domain/ids.ts'
import type { FakeContainer } from '../../src/engine/fake/container.ts'
import { EngineUnavailableError } from '../../src/engine/port.ts'
import type { Notebook } from '../../src/generated/prisma/client.ts'
import { createNotebook } from '../../src/usecases/create-notebook.ts'
import { extendNotebook } from '../../src/usecases/extend-notebook.ts'
import { cancelDataSync, syncNotebookData } from '../../src/usecases/live-syncs.ts'
import {
  deleteNotebook,
  restartNotebook,
  retryNotebookSync,
  startNotebook,
  stopNotebook,
} from '../../src/usecases/notebooks.ts'
import { updateNotebook } from '../../src/usecases/update-notebook.ts'
import { world } from '../lifecycle/world.ts'
import { findViolations, type Violation } from '../testkit/invariants.ts'
import { viewerFor } from '../testkit/viewer.ts'
import { Gate, gatedClock, gatedEngine } from './gated-control-plane.ts'
import { lostFiles, writersAtOnce } from './history.ts'

const MAX_NOTEBOOKS = 5
const PERMISSIONS = ['RO', 'RW', 'RWD'] as const
const IMAGE = 'jupyterlab-python'

type NotebookWithCopies = Notebook & { localCopies: { written: boolean }[] }

export type Lab = Awaited<ReturnType<typeof lab>>

export async function lab() {
  const w = await world()
  const { database, daemon, clock, installation } = w
  daemon.programs = daemon.workPrograms()
  const member = { projectId: w.project.id, role: 'OWNER' } as const
  const user = await database.user.create({ data: { name: 'ada', members: { create: member } } })
  const viewer = viewerFor(user)
  const store = await database.dataStore.findFirstOrThrow()

  const ids: string[] = []
  const discarded = new Set<string>()
  const gates: Gate[] = []
  const stopped = new Set<Gate>()
  /** Those that are still under way. */
  const sweeps: Promise<void>[] = []
  const holds = new Map<string, { release(): void }>()
  const controls = new Map<Gate, ReturnType<typeof w.control>>()

  const pick = <T>(items: readonly T[], n: number): T | undefined => items[n % Math.max(1, items.length)]
  const bucketOf = (n: number, permission: string) => `model-${n}-${permission.toLowerCase()}`
  const buckets = () => [w.workspaceBucket, ...ids.flatMap((_, n) => PERMISSIONS.map((each) => bucketOf(n, each)))]
  const live = () => gates.filter((gate) => !gate.isFrozen && !stopped.has(gate))
  const running = (role: 'notebook' | 'mover') =>
    daemon.all(installation).filter(({ state, spec }) => state === 'running' && spec.identity.role === role)

  /** What a user is refused is an answer like any other. */
  async function asUser(wish: () => Promise<unknown>): Promise<boolean> {
    try {
      await wish()
      return true
    } catch (error) {
      if (error instanceof DomainError) return false
      throw error
    }
  }

  async function withNotebook(n: number, wish: (input: { notebookId: string }, id: string) => Promise<unknown>) {
    const id = pick(ids, n)
    return id ? asUser(() => wish({ notebookId: encodeId('Notebook', id) }, id)) : false
  }

  const look = async () => ({
    containers: daemon.all(installation).map((container) => container.status(daemon.address)),
    volumes: new Set(daemon.volumes.keys()),
  })

  return {
    ...w,

    // Users

    async create(n: number): Promise<void> {
      const index = ids.length
      if (index >= MAX_NOTEBOOKS) return
      for (const permission of PERMISSIONS)
        daemon.store.bucket(bucketOf(index, permission)).set('kept', Buffer.from(`kept ${index}`))
      await asUser(async () => {
        const { id } = await createNotebook(w, viewer, {
          projectId: encodeId('Project', w.project.id),
          name: `n${index}`,
          editor: 'jupyterlab',
          framework: 'python',
          flavor: 'ai1-1-cpu',
          units: 1 + (n % 3),
          autoRestart: n % 2 === 0,
          volumes: PERMISSIONS.slice(0, n % 4).map((permission) => ({
            bucket: { dataStoreId: encodeId('DataStore', store.id), bucket: bucketOf(index, permission) },
            mountPath: `/workspace/${permission.toLowerCase()}`,
            permission,
          })),
        })
        ids.push(id)
      })
    },
    start: (n: number) => withNotebook(n, (input) => startNotebook(w, viewer, input)),
    stop: (n: number) => withNotebook(n, (input) => stopNotebook(w, viewer, input)),
    restart: (n: number) => withNotebook(n, (input) => restartNotebook(w, viewer, input)),
    remove: (n: number, force: boolean) => withNotebook(n, (input) => deleteNotebook(w, viewer, { ...input, force })),
    retry: (n: number) => withNotebook(n, (input) => retryNotebookSync(w, viewer, input)),
    sync: (n: number, m: number) =>
      withNotebook(n, (input) =>
        syncNotebookData(w, viewer, {
          ...input,
          direction: m % 2 === 0 ? 'PULL' : 'PUSH',
          confirmDeletions: m % 3 === 0,
        }),
      ),
    cancelSyncs: (n: number) =>
      withNotebook(n, async (_, id) => {
        const open = await database.dataSync.findFirst({
          where: { notebookId: id, state: { in: ['PENDING', 'RUNNING'] } },
        })
        if (open) await cancelDataSync(w, viewer, { syncId: encodeId('DataSync', open.id) })
      }),
    limit: (n: number, maxRunSeconds: number | null) =>
      withNotebook(n, (input) => updateNotebook(w, viewer, { ...input, maxRunSeconds, autoRestart: n % 2 === 1 })),
    extend: (n: number, seconds: number) =>
      withNotebook(n, (input) => extendNotebook(w, viewer, { ...input, seconds })),
    discard: (n: number, isDeletion: boolean) =>
      withNotebook(n, async (input, id) => {
        await (isDeletion ? deleteNotebook : stopNotebook)(w, viewer, { ...input, discardUnsaved: true })
        discarded.add(id)
      }),

    // Containers

    /** To a running container of that role, if there is one. */
    strike(role: 'notebook' | 'mover', n: number, blow: (container: FakeContainer) => void): void {
      const container = pick(running(role), n)
      if (container) blow(container)
    },

    // Control planes

    startControlPlane(): void {
      if (live().length >= 3) return
      const gate = new Gate()
      gates.push(gate)
      controls.set(gate, w.control(gatedEngine(w.engine, gate), gatedClock(clock, gate)))
    },
    /** For good, if it is not thawed. */
    freeze: (n: number) => pick(live(), n)?.freeze(),
    thaw: (n: number) => pick(gates, n)?.thaw(),
    async stopControlPlane(n: number): Promise<void> {
      const gate = pick(live(), n)
      if (!gate) return
      stopped.add(gate)
      await controls.get(gate)?.stop()
    },
    /** As if their time had passed, also for those that live. */
    expireLeases: () =>
      database.$executeRaw`
        UPDATE "Notebook" SET "leaseUntil" = to_timestamp(0)
        WHERE "id" IN (SELECT "id" FROM "Notebook" WHERE "leaseOwner" IS NOT NULL FOR UPDATE SKIP LOCKED)`,

    // Faults

    hold(call: Parameters<typeof daemon.faults.hold>[0]): void {
      if (!holds.has(call)) holds.set(call, daemon.faults.hold(call))
    },
    release(): void {
      for (const hold of holds.values()) hold.release()
      holds.clear()
    },
    failBucket: (n: number, kind: 'data' | 'store') =>
      daemon.store.fail(pick(buckets(), n) ?? '', { kind, message: 'The bucket fails.' }),
    holdBucket: (n: number) => daemon.store.hold(pick(buckets(), n) ?? ''),
    mendBuckets(): void {
      for (const bucket of buckets()) {
        daemon.store.fail(bucket, null)
        daemon.store.release(bucket)
      }
    },
    loseImage(): void {
      daemon.images.forget(IMAGE)
    },

    /** One that meets a call which waits goes on beside what happens next. */
    async sweep(): Promise<void> {
      const doing = sweep(w.parts).catch((error: unknown) => {
        if (!(error instanceof EngineUnavailableError)) throw error
      })
      if (holds.size === 0) await doing
      else sweeps.push(doing)
    },

    /** Lets whoever has something to do go on for a while. */
    async breathe(rounds: number): Promise<void> {
      for (let round = 0; round < rounds; round += 1) {
        await database.$queryRaw`SELECT 1`
        await setImmediate()
      }
    },

    /** Waits for a notebook to be RUNNING, for as long as that may take when nothing is in its way. */
    async untilUp(n: number): Promise<void> {
      const id = pick(ids, n)
      for (let round = 0; id && round < 15; round += 1) {
        const { state } = await database.notebook.findUniqueOrThrow({ where: { id } })
        if (state !== 'STARTING') return
        await this.breathe(4)
      }
    },

    /** What is broken now; with all at rest and swept also what nobody owns. */
    async violations(isSwept = false): Promise<Violation[]> {
      const rows = await findViolations(database, look, { isSwept, discarded, overcommit: w.catalogue.overcommit })
      const isDiscarded = (volume: string) => [...discarded].some((id) => volume.includes(id))
      const lost = lostFiles(daemon.history, isDiscarded)
      return [...rows, ...lost, ...writersAtOnce(daemon.history)]
    },

    /** All faults end, what was frozen thaws, and there is a control plane. */
    async heal(): Promise<void> {
      daemon.recover()
      daemon.faults.slow(0)
      daemon.loseEvents(0)
      this.release()
      await Promise.all(sweeps.splice(0))
      this.mendBuckets()
      w.editor.isReady = true
      for (const gate of gates) gate.thaw()
      if (live().length === 0) this.startControlPlane()
    },

    notebooks: () => database.notebook.findMany({ include: { localCopies: true }, orderBy: { createdAt: 'asc' } }),

    /** Time goes by until every notebook is as `holds` says. Throws with those that never are. */
    async untilAll(
      what: string,
      holds: (notebook: NotebookWithCopies, all: readonly NotebookWithCopies[]) => boolean,
    ): Promise<void> {
      const patience = 200
      for (let round = 0; round < patience; round += 1) {
        const all = await this.notebooks()
        const restless = all.filter((notebook) => !holds(notebook, all))
        if (restless.length === 0) return
        await this.breathe(20)
        await clock.advance(round % 10 === 9 ? 601 : 61)
      }
      const all = await this.notebooks()
      const restless = all.filter((notebook) => !holds(notebook, all))
      const stories = restless.map(({ id, state, phase, message, attempts, desired, dueAt, leaseOwner }) =>
        JSON.stringify({ id, state, phase, message, attempts, desired, dueAt, leaseOwner }),
      )
      throw new Error(`${what}: not within ${patience} rounds, with all faults over:\n${stories.join('\n')}`)
    },

    /** Whether the node has as many CPUs free as the notebook waits for. */
    hasRoomFor({ heldMilliCpus }: Notebook, all: readonly Notebook[]): boolean {
      const taken = all.filter(({ nodeId }) => nodeId !== null).reduce((sum, other) => sum + other.heldMilliCpus, 0)
      return taken + heldMilliCpus <= daemon.capacity.cpus * 1000
    },

    isAlive(id: string): boolean {
      return running('notebook').some(({ spec }) => spec.identity.notebook === id)
    },

    ids,
    discarded,

    async [Symbol.asyncDispose]() {
      await this.heal()
      await w[Symbol.asyncDispose]()
    },
  }
}
