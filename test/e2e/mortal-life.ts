/**
 * Lives of notebooks on real parts, of which every file is known. Together they take every turn that a notebook can take by
 * itself, by its user, or from outside, and so reach every step of the journal and every engine call that acts; the matrix says so
 * if not.
 */
import { expect } from 'vitest'
import { SAVE_RETRY_SECONDS } from '../../src/domain/lifecycle.ts'
import type { Notebook } from '../../src/generated/prisma/client.ts'
import { syncNotebookData } from '../../src/usecases/live-syncs.ts'
import { deleteNotebook, restartNotebook, startNotebook, stopNotebook } from '../../src/usecases/notebooks.ts'
import type { LightNotebook } from '../testkit/light-notebook.ts'
import { type MortalNotebook, type MortalWorld, mountPathOf, OBJECTS, PERMISSIONS, WORKSPACE } from './mortal-world.ts'

const WRITABLE = ['RW', 'RWD'] as const
const fileOf = (run: number): string => `run-${run}`

/** Large enough to be carried in several reads, and other in each place. */
const contentOf = (place: string, run: number): string => `${place} of run ${run}\n`.repeat(2000)

/** One notebook from its creation to its deletion. */
class Life {
  readonly #w: MortalWorld
  readonly #notebook: MortalNotebook
  /** How often it was RUNNING. */
  #runs = 0

  constructor(w: MortalWorld, notebook: MortalNotebook) {
    this.#w = w
    this.#notebook = notebook
  }

  start = () => startNotebook(this.#w, this.#w.viewer, this.#notebook.input)
  stop = () => stopNotebook(this.#w, this.#w.viewer, this.#notebook.input)
  restart = () => restartNotebook(this.#w, this.#w.viewer, this.#notebook.input)
  setStoreRefuses = (refuses: boolean) => this.#notebook.setStoreRefuses(refuses)

  until(holds: (notebook: Notebook) => boolean | Promise<boolean>): Promise<Notebook> {
    return this.#w.until(this.#notebook.id, holds)
  }

  /** As soon as the next run is there: it finds what those before it wrote, and writes its own. */
  async work(): Promise<LightNotebook> {
    const run = ++this.#runs
    await this.until(async ({ state }) => state === 'RUNNING' && (await this.#periods()) === run)
    const inside = await this.#w.inside(this.#notebook.id)
    for (const place of [WORKSPACE, ...WRITABLE.map(mountPathOf)]) {
      for (let earlier = 1; earlier < run; earlier++)
        expect(await inside.read(`${place}/${fileOf(earlier)}`), `in run ${run}`).toBe(contentOf(place, earlier))
      await inside.write(`${place}/${fileOf(run)}`, contentOf(place, run))
    }
    for (const permission of PERMISSIONS)
      expect(await inside.read(`${mountPathOf(permission)}/kept`)).toBe(OBJECTS.kept)
    for (const permission of WRITABLE) await inside.run(`rm -f ${mountPathOf(permission)}/doomed`)
    return inside
  }

  /** Its volumes are pulled or pushed while it is RUNNING. */
  async sync(direction: 'PULL' | 'PUSH'): Promise<void> {
    const wished = await syncNotebookData(this.#w, this.#w.viewer, { ...this.#notebook.input, direction })
    const where = { id: { in: wished.map(({ id }) => id) } }
    await this.until(async () => (await this.#w.database.dataSync.count({ where: { ...where, endedAt: null } })) === 0)
    const states = (await this.#w.database.dataSync.findMany({ where })).map(({ state }) => state)
    expect(new Set(states), `of a ${direction} in RUNNING`).toEqual(new Set(['DONE']))
  }

  /** As if it were time to save the workspace of the RUNNING notebook, which has something new to save. */
  async reachCheckpoint(inside: LightNotebook): Promise<void> {
    await inside.run(`touch ${WORKSPACE}/${fileOf(this.#runs)}`)
    await this.#change({ checkpointAt: new Date() })
    const where = { notebookId: this.#notebook.id, isCheckpoint: true, state: 'DONE' } as const
    await this.until(async () => (await this.#w.database.dataSync.count({ where })) > 0)
  }

  /** Its container is removed by somebody else. */
  async loseContainer({ containerId }: LightNotebook): Promise<void> {
    await this.#w.docker.getContainer(containerId).remove({ force: true })
  }

  /** As if the run had lasted until shortly before its limit. */
  comeNearLimit = () => this.#change({ stopsAt: new Date(Date.now() + 240_000) })

  /** As if the run had lasted until its limit. */
  reachLimit = () => this.#change({ stopsAt: new Date() })

  /** As if the wait for the next try by itself were over. */
  passTimeOfRetry = () => this.#change({ phaseStartedAt: new Date(Date.now() - 2 * SAVE_RETRY_SECONDS * 1000) })

  async #change(data: { stopsAt?: Date; phaseStartedAt?: Date; checkpointAt?: Date }): Promise<void> {
    await this.#w.database.notebook.update({ where: { id: this.#notebook.id }, data })
    await this.#w.wake(this.#notebook.id)
  }

  /** How often it was warned of a run's limit. */
  warnings(): Promise<number> {
    const payload = { path: ['code'], equals: 'RUN_LIMIT_NEAR' }
    return this.#w.database.event.count({ where: { notebookId: this.#notebook.id, payload } })
  }

  /** It has settled like that, and every object of its buckets is there and as it was written, and no other. */
  async endsIn(end: { state: 'STOPPED' | 'FAILED'; reason: Notebook['reason'] }): Promise<void> {
    const settled = await this.until(({ state }) => state === 'STOPPED' || state === 'FAILED' || state === 'ERROR')
    expect(settled).toMatchObject(end)
    await this.#expectSaved()
  }

  async delete(options: { force?: boolean } = {}): Promise<void> {
    await deleteNotebook(this.#w, this.#w.viewer, { ...this.#notebook.input, ...options })
    await this.until(({ deletedAt }) => deletedAt !== null)
    await this.#expectSaved()
    expect(await this.#periods(), 'runs on the bill').toBe(this.#runs)
  }

  #periods(): Promise<number> {
    return this.#w.database.billingPeriod.count({ where: { notebookId: this.#notebook.id } })
  }

  async #expectSaved(): Promise<void> {
    const { id, bucketOf } = this.#notebook
    const written = (place: string) =>
      Object.fromEntries(
        Array.from({ length: this.#runs }, (_, index) => [fileOf(index + 1), contentOf(place, index + 1)]),
      )
    const { doomed, ...rest } = OBJECTS
    expect(await this.#contentsOf(this.#w.workspaces, `${id}/`)).toEqual(written(WORKSPACE))
    expect(await this.#contentsOf(bucketOf('RO'))).toEqual(OBJECTS)
    expect(await this.#contentsOf(bucketOf('RW'))).toEqual({ ...OBJECTS, ...written(mountPathOf('RW')) })
    expect(await this.#contentsOf(bucketOf('RWD'))).toEqual({
      ...(this.#runs === 0 ? OBJECTS : rest),
      ...written(mountPathOf('RWD')),
    })
  }

  async #contentsOf(bucket: string, prefix = ''): Promise<Record<string, string>> {
    const { buckets } = this.#w
    const keys = [...(await buckets.list(bucket, prefix)).keys()]
    const contents = keys.map(async (key) => [key.slice(prefix.length), await buckets.read(bucket, key)] as const)
    return Object.fromEntries(await Promise.all(contents))
  }
}

/** Syncs and a checkpoint while it runs, a warning of its limit, a restart, a save that the user's store refuses and that is taken again, a deletion out of RUNNING. */
async function refused(life: Life): Promise<void> {
  const inside = await life.work()
  await life.sync('PULL')
  await life.sync('PUSH')
  await life.reachCheckpoint(inside)
  await life.comeNearLimit()
  await life.until(async () => (await life.warnings()) === 1)
  await life.restart()
  await life.work()
  await life.setStoreRefuses(true)
  await life.stop()
  expect(await life.until(({ state }) => state === 'FAILED' || state === 'ERROR')).toMatchObject({
    state: 'FAILED',
    reason: 'DATA_ACCESS',
  })
  await life.setStoreRefuses(false)
  await life.passTimeOfRetry()
  await life.until(({ state }) => state === 'STOPPED')
  await life.start()
  await life.work()
  await life.delete({ force: true })
  expect(await life.warnings(), 'warnings of one deadline').toBe(1)
}

/** A start that its user takes back, another one, and an end by itself. */
async function calledOff(life: Life): Promise<void> {
  await life.until(({ phase }) => phase !== 'QUEUED')
  await life.stop()
  await life.endsIn({ state: 'STOPPED', reason: 'USER' })
  await life.start()
  const inside = await life.work()
  await inside.exit(0)
  await life.endsIn({ state: 'STOPPED', reason: 'EXITED' })
  await life.delete()
}

/** Restarts, so that many containers are started; then one that somebody removed, another run, and its limit. */
async function lost(life: Life): Promise<void> {
  await life.work()
  for (let restarts = 0; restarts < 3; restarts++) {
    await life.restart()
    await life.work()
  }
  await life.restart()
  await life.loseContainer(await life.work())
  await life.endsIn({ state: 'FAILED', reason: 'CONTAINER_LOST' })
  await life.start()
  await life.work()
  await life.reachLimit()
  await life.endsIn({ state: 'STOPPED', reason: 'RUN_LIMIT' })
  await life.delete()
}

/** Resolves when all of them are over. */
export async function liveAllLives(w: MortalWorld): Promise<void> {
  await Promise.all(
    [refused, calledOff, lost].map(async (live) => {
      const notebook = await w.notebook()
      await live(new Life(w, notebook))
    }),
  )
}
