/**
 * Carries out errands: each in a mover of its own, by whichever replica claims it first. What the mover says is the result; one
 * that is cut off, with its control plane or without, is taken up again, which every errand bears. Its container carries the
 * errand's id in the place of a notebook's and the attempt as its generation, and is in no list of what runs.
 */
import { type ErrandParts, parseReport, planErrand } from '../data/errands.ts'
import { systemClock } from '../domain/clock.ts'
import { retryDelay } from '../domain/lifecycle.ts'
import { EngineUnavailableError, type Identity } from '../engine/port.ts'
import type { Prisma, StoreErrand } from '../generated/prisma/client.ts'
import type { ErrandReport } from '../mover/protocol.ts'
import { claimErrand, renewErrand, settleErrand } from '../store/errands.ts'
import type { ControllerParts } from './parts.ts'
import { moverSpec } from './steps/containers.ts'

const POLL_MS = 5000
const CLAIM_SECONDS = 60
/** At once, by one replica. */
const MOST = 2
/** After so many a fault counts as lasting. */
const ATTEMPTS: Readonly<Record<StoreErrand['kind'], number>> = { TEST: 3, REMOVE: 12 }

type Parts = ErrandParts &
  Pick<ControllerParts, 'database' | 'engine' | 'installation' | 'clock' | 'log' | 'platformStore'>

export class Errands {
  readonly #parts: Parts
  readonly #underWay = new Set<Promise<void>>()
  #look = new AbortController()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** One may have been wished. */
  wake(): void {
    this.#look.abort()
  }

  /** Until the signal aborts, and what is under way has come to its end or was given back. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts
    while (!signal.aborted) {
      this.#look = new AbortController()
      await this.#claim(signal).catch((error: unknown) => log.error({ err: error }, 'could not claim errands'))
      await clock.sleep(POLL_MS, AbortSignal.any([this.#look.signal, signal]))
    }
    await Promise.all(this.#underWay)
  }

  async #claim(signal: AbortSignal): Promise<void> {
    while (this.#underWay.size < MOST && !signal.aborted) {
      const errand = await claimErrand(this.#parts.database, CLAIM_SECONDS)
      if (!errand) return
      const work = carryOut(this.#parts, errand, signal)
        .catch((error: unknown) => this.#parts.log.error({ err: error, errandId: errand.id }, 'an errand was cut off'))
        .finally(() => {
          this.#underWay.delete(work)
          this.wake()
        })
      this.#underWay.add(work)
    }
  }
}

async function carryOut(parts: Parts, errand: StoreErrand, ended: AbortSignal): Promise<void> {
  const { database, clock } = parts
  let report: ErrandReport | null = null
  let fault = 'The mover ended without a result.'
  try {
    report = await sendMover(parts, errand, ended)
  } catch (error) {
    if (!(error instanceof EngineUnavailableError)) throw error
    fault = error.message
  }
  if (ended.aborted && report?.state !== 'done') return settleErrand(database, errand, 'PENDING', null)
  if (report?.state === 'done') return settleErrand(database, errand, 'DONE', null)
  const message = report?.message ?? fault
  const isLasting = report?.state === 'failed' && !report.mayPass
  if (isLasting || errand.attempts >= ATTEMPTS[errand.kind]) return settleErrand(database, errand, 'FAILED', message)
  await settleErrand(database, errand, 'PENDING', message, retryDelay(errand.attempts, clock.random()))
}

/** Its last report; null: it made none. */
async function sendMover(parts: Parts, errand: StoreErrand, ended: AbortSignal): Promise<ErrandReport | null> {
  const { database, engine } = parts
  const dataStore = errand.dataStoreId
    ? await database.dataStore.findUniqueOrThrow({ where: { id: errand.dataStoreId } })
    : null
  await removeMoverOf(parts, identityOf(parts, errand, errand.attempts - 1))
  const id = await engine.create({ identity: identityOf(parts, errand, errand.attempts), ...moverSpec([]) })
  const takenOver = new AbortController()
  const stop = AbortSignal.any([ended, takenOver.signal])
  const kept = keepClaim(parts, errand, stop, () => takenOver.abort())
  let last: ErrandReport | null = null
  try {
    await engine.start(id, JSON.stringify(planErrand(parts, errand, dataStore)))
    for await (const line of engine.lines(id, stop)) {
      const report = parseReport(line, errand)
      if (!report) continue
      last = report
      await renewErrand(database, errand, CLAIM_SECONDS, progressOf(report))
    }
    return last
  } finally {
    takenOver.abort()
    await kept
    await engine.remove(id, { force: true })
  }
}

function progressOf({ checks, objectsRemoved, bytesRemoved }: ErrandReport): Prisma.StoreErrandUpdateInput {
  return { checks: checks as unknown as Prisma.InputJsonValue, objectsRemoved, bytesRemoved: BigInt(bytesRemoved) }
}

/** Renews the claim three times in its time, until the signal aborts or it is another's. */
async function keepClaim(
  { database, log }: Parts,
  errand: StoreErrand,
  signal: AbortSignal,
  onLoss: () => void,
): Promise<void> {
  for (;;) {
    await systemClock.sleep((CLAIM_SECONDS * 1000) / 3, signal)
    if (signal.aborted) return
    try {
      if (!(await renewErrand(database, errand, CLAIM_SECONDS))) return onLoss()
    } catch (error) {
      log.error({ err: error, errandId: errand.id }, 'could not renew the claim on an errand')
    }
  }
}

function identityOf({ installation }: Parts, { id }: StoreErrand, generation: number): Identity {
  return { installation, notebook: id, generation, role: 'errand' }
}

/** What a control plane that was killed has left. */
async function removeMoverOf({ engine }: Parts, identity: Identity): Promise<void> {
  const id = await engine.find(identity)
  if (id) await engine.remove(id, { force: true })
}
