/**
 * What the controller does beside its notebooks: it listens to the engine, whose events are hints, and goes its rounds, which
 * are the truth. Both go on for as long as the controller lives, whatever fails.
 */
import { type EngineEvent, EngineUnavailableError } from '../engine/port.ts'
import { wakeNotebooks } from '../store/leases.ts'
import { changeNotebook } from '../store/notebooks.ts'
import { judgeBudgets } from './budgets.ts'
import { DISK_ROUND_SECONDS, watchDisk } from './disk.ts'
import { tendNode } from './node.ts'
import type { ControllerParts } from './parts.ts'
import { sweep } from './sweep.ts'

const LISTEN_AGAIN_MS = 1000

/** Between two looks whether a budget is due. */
const BUDGET_ROUND_MS = 1000

/**
 * Sweeps and tends the node at once, and then every `sweepSeconds`, until the signal aborts. Counted from beginning to
 * beginning: a round that takes its time makes no liveness mark late.
 */
export async function goRounds(parts: ControllerParts, signal: AbortSignal): Promise<void> {
  const { clock, sweepSeconds } = parts
  while (!signal.aborted) {
    const next = clock.now().getTime() + sweepSeconds * 1000
    await trySweep(parts)
    await tendNode(parts).catch((error: unknown) => logFault(parts, error, 'the node could not be looked at'))
    await clock.sleep(Math.max(0, next - clock.now().getTime()), signal)
  }
}

async function trySweep(parts: ControllerParts): Promise<void> {
  try {
    await sweep(parts)
  } catch (error) {
    logFault(parts, error, 'the sweep failed')
    if (error instanceof EngineUnavailableError) await wakeUnwarned(parts)
  }
}

/** The engine does not answer: whoever runs on it finds that out for itself, once, and says so. */
async function wakeUnwarned({ database, engine, log }: ControllerParts): Promise<void> {
  try {
    const running = await database.notebook.findMany({
      where: { state: 'RUNNING', nodeId: engine.nodeId, attempts: 0, deletedAt: null },
      select: { id: true },
    })
    await wakeNotebooks(
      database,
      running.map(({ id }) => id),
    )
  } catch (error) {
    log.error({ err: error }, 'could not wake the notebooks of an engine that does not answer')
  }
}

/** Has the disk measured when it is due, until the signal aborts. Beside the sweep, which must not wait for it. */
export async function watchDiskRegularly(parts: ControllerParts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await parts.clock.sleep(DISK_ROUND_SECONDS * 1000, signal)
    if (signal.aborted) return
    try {
      await watchDisk(parts)
    } catch (error) {
      logFault(parts, error, 'the disk could not be measured')
    }
  }
}

/** Has budgets judged when they are due, until the signal aborts. */
export async function watchBudgets({ database, clock, log }: ControllerParts, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(BUDGET_ROUND_MS, signal)
    if (signal.aborted) return
    try {
      await judgeBudgets(database)
    } catch (error) {
      log.error({ err: error }, 'the budgets could not be judged')
    }
  }
}

/**
 * Wakes notebooks whose containers ended, until the signal aborts. A stream that broke is opened again, after a sweep: what
 * happened meanwhile was not heard.
 */
export async function listenToEngine(parts: ControllerParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of parts.engine.events(signal)) await react(parts, event)
    } catch (error) {
      logFault(parts, error, "the engine's events are not heard")
    }
    await parts.clock.sleep(LISTEN_AGAIN_MS, signal)
    if (!signal.aborted) await trySweep(parts)
  }
}

async function react(parts: ControllerParts, event: EngineEvent): Promise<void> {
  if (event.action === 'ended' || event.action === 'removed') await wakeNotebooks(parts.database, [event.notebook])
  if (event.action === 'outOfMemory') await warnOfMemory(parts, event)
}

/** A process was killed for memory in a container that may well live on; that changes no state. */
async function warnOfMemory({ database }: ControllerParts, { notebook, containerId }: EngineEvent): Promise<void> {
  const message = 'A process in the notebook was ended because the memory was used up.'
  const isItsOwn = { some: { id: containerId, role: 'NOTEBOOK' } } as const
  const where = { id: notebook, state: 'RUNNING', deletedAt: null, containers: isItsOwn } as const
  if (!(await database.notebook.findFirst({ where }))) return
  await changeNotebook(database, notebook, null, ({ state }) =>
    state === 'RUNNING' ? { events: [{ type: 'NotebookWarned', code: 'OUT_OF_MEMORY', message, dueAt: null }] } : {},
  )
}

function logFault({ log }: ControllerParts, error: unknown, what: string): void {
  if (error instanceof EngineUnavailableError) log.warn({ reason: error.message }, what)
  else log.error({ err: error }, what)
}
