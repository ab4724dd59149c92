/** PULLING_IMAGE and STARTING_CONTAINER: the image is had, the container made and started, and the editor awaited. */

import { openEnvironment } from '../../data/environment.ts'
import type { Catalogue, Editor, Flavor } from '../../domain/catalogue.ts'
import type { NotebookEvent } from '../../domain/events.ts'
import { PHASE_BUDGET_SECONDS, STALL_SECONDS } from '../../domain/lifecycle.ts'
import { deadlineOf, newDeadline } from '../../domain/run-limit.ts'
import type { ImageProgress, VolumeMount } from '../../engine/port.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import { WAKES_BUDGET } from '../../store/budgets.ts'
import { opensPeriod, termsOf } from '../billing.ts'
import type { ContainerRecord } from '../observe.ts'
import { editorAnswers } from '../probe.ts'
import { Watchdog } from '../watchdog.ts'
import { nextCheckpoint } from './checkpoints.ts'
import { createContainer, NOTEBOOK_USER, recording } from './containers.ts'
import { PhaseFailedError, type StepContext } from './context.ts'
import { missingCopies, NOT_TRIED } from './local-copies.ts'

const PROBE_EVERY_MS = 100
const IMAGE_REPORT_EVERY_MS = 1000

/** Has the image built or pulled where it is missing, and says how far it is, once a second at most. */
export async function provideImage(context: StepContext): Promise<void> {
  const { parts, notebook } = context
  const image = imageOf(parts.catalogue, notebook)
  if (!(await parts.engine.imageIsThere(image))) await makeImage(context, image)
  await context.advance(() => ({ to: { state: 'STARTING', phase: 'STARTING_CONTAINER' } }))
}

/** Gives up after 5 min without a sign of life, or 30 min in all. */
async function makeImage(context: StepContext, image: string): Promise<void> {
  const { clock, engine } = context.parts
  const tooLong = new PhaseFailedError('The image could not be made in its time.', 'IMAGE')
  using total = new Watchdog(clock, timeLeft(context, PHASE_BUDGET_SECONDS.PULLING_IMAGE), tooLong)
  const noProgress = new PhaseFailedError('The image made no progress any more.', 'IMAGE')
  using stall = new Watchdog(clock, STALL_SECONDS.image * 1000, noProgress)
  const report = reporter(context)
  const onProgress = ({ message }: ImageProgress) => {
    stall.feed()
    report.say(message)
  }
  await engine.provideImage(image, onProgress, AbortSignal.any([context.signal, total.signal, stall.signal]))
  await report.done()
}

/** Of the phase's budget, in ms: what a control plane of before took counts. */
function timeLeft({ notebook, observation }: StepContext, budgetSeconds: number): number {
  return notebook.phaseStartedAt.getTime() + budgetSeconds * 1000 - observation.view.now.getTime()
}

/** Writes the newest message of many, one write at a time; a write that fails shows in `done`. */
function reporter(context: StepContext) {
  const { clock } = context.parts
  let last = 0
  let writing: Promise<unknown> = Promise.resolve()
  return {
    say(message: string): void {
      if (clock.now().getTime() - last < IMAGE_REPORT_EVERY_MS) return
      last = clock.now().getTime()
      writing = writing.then(() =>
        context.change(() => ({ to: { state: 'STARTING', phase: 'PULLING_IMAGE', message } })),
      )
      writing.catch(() => undefined)
    },
    done: () => writing,
  }
}

export async function createNotebook(context: StepContext): Promise<void> {
  const { parts, notebook } = context
  // A copy that nothing was pulled to yet is made by the container's first mount.
  const made = notebook.localCopies.filter(({ pulledAt, written }) => pulledAt || written)
  const [missing] = await missingCopies(parts.engine, made)
  if (missing) throw new PhaseFailedError(missing.problem)
  const flavor = flavorOf(parts.catalogue, notebook)
  const writable = writableTargets(context)
  const container = await createContainer(context, 'RUN', {
    image: imageOf(parts.catalogue, notebook),
    command: null,
    env: {
      ...openEnvironment(parts.vault, notebook),
      JUPYTER_TOKEN: parts.vault.derive(`editor:${notebook.id}:${notebook.generation + 1}`),
      CAHIER_NOTEBOOK_ID: notebook.id,
    },
    user: NOTEBOOK_USER,
    cpus: flavor.vcpus * notebook.units,
    memoryBytes: flavor.memoryBytes * notebook.units,
    gpuDevices: notebook.gpuDevices,
    shmBytes: flavor.shmBytes * notebook.units,
    network: 'notebooks',
    mounts: mountsOf(context),
    port: editorOf(parts.catalogue, notebook).port,
    stdin: false,
    readOnlyRoot: false,
  })
  if (!container) return
  const change = { events: keptCopies(context), also: [marksWritten(writable)] }
  const isKnown = await context.advance(() => recording(container, change), {
    containers: [...notebook.containers, container],
    localCopies: notebook.localCopies.map((copy) => (writable.includes(copy.target) ? { ...copy, ...WRITTEN } : copy)),
  })
  if (isKnown) await context.look(container.id)
}

const WRITTEN = { written: true, ...NOT_TRIED }

/** From here on the copies may hold what no bucket has. */
function marksWritten(targets: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    UPDATE "LocalCopy" SET "written" = true, "writtenSince" = CASE WHEN "written" THEN "writtenSince" ELSE cahier_now() END,
      "saveError" = NULL, "saveFault" = NULL, "unsavedFiles" = NULL, "unsavedBytes" = NULL
    FROM "held" WHERE "notebookId" = "held"."id" AND "target" = ANY(${targets}::text[])`
}

/** Copies that could not be saved are used as they are: they are newer than the bucket. The user is told. */
function keptCopies({ notebook }: StepContext): NotebookEvent[] {
  const kept = notebook.localCopies.filter(({ saveError }) => saveError !== null)
  if (kept.length === 0) return []
  const names = kept.map(({ target }) => notebook.volumes.find(({ id }) => id === target)?.mountPath ?? '/workspace')
  const problems = kept.map(({ saveError }) => saveError).join(' ')
  const message = `Started on the local copy of ${names.join(', ')}, which could not be saved yet. ${problems}`
  return [{ type: 'NotebookWarned', code: 'UNSAVED_DATA', message, dueAt: null }]
}

function writableTargets({ notebook }: StepContext): string[] {
  return ['workspace', ...notebook.volumes.filter(({ permission }) => permission !== 'RO').map(({ id }) => id)]
}

function mountsOf({ notebook }: StepContext): VolumeMount[] {
  return notebook.localCopies.map(({ target, engineVolume }) => {
    const volume = notebook.volumes.find(({ id }) => id === target)
    return {
      volume: engineVolume,
      path: volume?.mountPath ?? '/workspace',
      readOnly: volume?.permission === 'RO',
    }
  })
}

export async function startNotebook(context: StepContext, containerId: string): Promise<void> {
  const engine = await context.engineUnderLease()
  await engine.start(containerId)
  await context.look(containerId)
}

/** Waits until the editor answers; then the run and its billing period begin, in one transaction. */
export async function awaitEditor(context: StepContext, containerId: string): Promise<void> {
  const { parts, notebook, signal } = context
  const record = notebook.containers.find(({ id }) => id === containerId)
  if (!record) throw new Error(`Container ${containerId} is not on record`)
  const { readyPath } = editorOf(parts.catalogue, notebook)
  const budgetMs = PHASE_BUDGET_SECONDS.STARTING_CONTAINER * 1000
  for (;;) {
    const status = await parts.engine.inspect(containerId)
    if (status?.state !== 'running') return
    // From the container's start: a time without a control plane is not the editor's.
    const deadline = (status.startedAt ?? notebook.phaseStartedAt).getTime() + budgetMs
    const { address } = status
    if (address && (await editorAnswers(address, readyPath, signal))) return enterRunning(context, record, address)
    if (parts.clock.now().getTime() > deadline)
      throw new PhaseFailedError('The editor did not answer within its time after the container had started.')
    await parts.clock.sleep(PROBE_EVERY_MS, signal)
    signal.throwIfAborted()
  }
}

async function enterRunning(
  context: StepContext,
  record: ContainerRecord,
  address: { host: string; port: number },
): Promise<void> {
  const { catalogue } = context.parts
  let container = record
  const row = await context.change((notebook, _, at) => {
    const terms = termsOf(catalogue, notebook)
    container = { ...record, ...address, lastSeenAliveAt: at }
    return {
      to: { state: 'RUNNING', phase: null, terms },
      set: {
        startedAt: at,
        stoppedAt: null,
        checkpointAt: nextCheckpoint(context, at),
        ...newDeadline(deadlineOf(at, notebook.maxRunSeconds), at),
      },
      also: [marksAlive(container), opensPeriod(terms, notebook, record, at), WAKES_BUDGET],
      reroutes: true,
    }
  })
  context.knows({ ...row, containers: context.notebook.containers.map((each) => (each === record ? container : each)) })
}

function marksAlive({ id, host, port, lastSeenAliveAt }: ContainerRecord): Prisma.Sql {
  return Prisma.sql`
    UPDATE "Container" SET "host" = ${host}, "port" = ${port}, "lastSeenAliveAt" = ${lastSeenAliveAt} WHERE "id" = ${id}`
}

function imageOf(
  catalogue: Catalogue,
  notebook: { framework: string; frameworkVersion: string; editor: string },
): string {
  const framework = catalogue.frameworks.find(({ id }) => id === notebook.framework)
  const version = framework?.versions.find(({ version }) => version === notebook.frameworkVersion)
  const image = version?.images[notebook.editor]
  if (!image)
    throw new PhaseFailedError(
      `The catalogue has no image for ${notebook.editor} with ${notebook.framework} ${notebook.frameworkVersion} any more.`,
    )
  return image
}

function editorOf(catalogue: Catalogue, notebook: { editor: string }): Editor {
  return existing(catalogue.editors, notebook.editor, 'editor')
}

function flavorOf(catalogue: Catalogue, notebook: { flavor: string }): Flavor {
  return existing(catalogue.flavors, notebook.flavor, 'flavor')
}

function existing<T extends { id: string }>(items: readonly T[], id: string, what: string): T {
  const item = items.find((each) => each.id === id)
  if (!item) throw new PhaseFailedError(`The ${what} ${id} is not in the catalogue any more.`)
  return item
}
