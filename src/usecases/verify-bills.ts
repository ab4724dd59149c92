/**
 * Proves bills: recomputes every period and statement from the events alone, and tells every difference to what is on record.
 * Reads one moment of the database, also while notebooks start and stop. Writes nothing.
 */
import {
  isProvable,
  keyOf,
  minutesOf,
  RunReader,
  statementsOf,
  type TalliedLine,
  type ToldEvent,
  type ToldRun,
} from '../domain/bill-proof.ts'
import type { NotebookEvent } from '../domain/events.ts'
import type { YearMonth } from '../domain/month.ts'
import type { BillingPeriod } from '../generated/prisma/client.ts'
import type { Database, Transaction } from '../store/database.ts'
import { readStatement } from '../store/statements.ts'

const EVENTS_AT_ONCE = 5000

/** A proof reads all events of its projects; longer than this it is not let to. */
const LIMIT_MS = 600_000

export interface Proof {
  projects: number
  runs: number
  statements: number
  /** Runs whose events are of a time when they did not tell all that a bill needs: only compared in when they began. */
  unprovable: number
  /** Each difference in a sentence. */
  faults: string[]
}

/** `month`: only statements of it are compared, and all periods nevertheless. */
export function verifyBills(
  database: Database,
  only: { projectId: string | null; month: YearMonth | null },
): Promise<Proof> {
  return database.$transaction(
    async (tx) => {
      const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT cahier_now() AS "now"`
      const where = only.projectId === null ? {} : { id: only.projectId }
      const projects = await tx.project.findMany({ where, select: { id: true }, orderBy: { createdAt: 'asc' } })
      const proof: Proof = { projects: projects.length, runs: 0, statements: 0, unprovable: 0, faults: [] }
      for (const { id } of projects) await verifyProject(tx, id, only.month, now, proof)
      return proof
    },
    { isolationLevel: 'RepeatableRead', timeout: LIMIT_MS },
  )
}

async function verifyProject(
  tx: Transaction,
  projectId: string,
  month: YearMonth | null,
  now: Date,
  proof: Proof,
): Promise<void> {
  const reader = new RunReader()
  for await (const event of stateChanges(tx, projectId)) reader.read(event)
  const { runs } = reader
  proof.runs += runs.length
  proof.unprovable += runs.filter((run) => !isProvable(run)).length
  proof.faults.push(...reader.faults, ...(await comparePeriods(tx, projectId, runs)))
  // Lines with runs that are not told whole cannot be recomputed.
  if (!runs.every(isProvable)) return
  for (const [each, lines] of statementsOf(runs, now)) {
    if (month !== null && each !== month) continue
    proof.statements += 1
    proof.faults.push(...compareLines(each, projectId, lines, await readLines(tx, projectId, each, now)))
  }
}

async function* stateChanges(tx: Transaction, projectId: string): AsyncGenerator<ToldEvent> {
  for (let after = 0n; ; ) {
    const rows = await tx.event.findMany({
      where: { projectId, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: EVENTS_AT_ONCE,
    })
    for (const { seq, at, notebookId, type, payload } of rows)
      yield { seq, at, notebookId, event: { type, ...(payload as object) } as NotebookEvent }
    const last = rows.at(-1)
    if (!last || rows.length < EVENTS_AT_ONCE) return
    after = last.seq
  }
}

async function comparePeriods(tx: Transaction, projectId: string, runs: readonly ToldRun[]): Promise<string[]> {
  const periods = await tx.billingPeriod.findMany({ where: { projectId } })
  const byStart = new Map(periods.map((period) => [nameOf(period), period]))
  const faults = runs.flatMap((run) => {
    const period = byStart.get(nameOf(run))
    byStart.delete(nameOf(run))
    if (!period) return [`${nameOf(run)}: the events tell of it, and there is no billing period.`]
    return differences(run, period).map((what) => `${nameOf(run)}: ${what}`)
  })
  return [...faults, ...[...byStart.keys()].map((name) => `${name}: there is a billing period, and no event of a run.`)]
}

function nameOf({ notebookId, startedAt }: { notebookId: string; startedAt: Date }): string {
  return `Run of notebook ${notebookId} from ${startedAt.toISOString()}`
}

function differences(run: ToldRun, period: BillingPeriod): string[] {
  const { terms, end } = run
  const told: Partial<Record<keyof BillingPeriod, unknown>> = {
    ...terms,
    ...(terms && { pricePerHourMicros: BigInt(terms.pricePerHourMicros) }),
    ...(end === null && { endedAt: null, endSource: null, minutes: null, waivedMinutes: 0 }),
    ...(end?.billed && { ...end.billed, minutes: minutesOf(run, end.leftAt) }),
  }
  const faults = Object.entries(told)
    .filter(([field, value]) => inWords(period[field as keyof BillingPeriod]) !== inWords(value))
    .map(
      ([field, value]) =>
        `its ${field} is ${inWords(period[field as keyof BillingPeriod])} on record and ${inWords(value)} by the events.`,
    )
  if (end && period.endedAt && period.endedAt > end.leftAt)
    faults.push('it is billed beyond the moment at which it left RUNNING.')
  return faults
}

function inWords(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value)
}

async function readLines(tx: Transaction, projectId: string, month: YearMonth, now: Date) {
  const rows = await readStatement(tx, projectId, month, now)
  return new Map(
    rows.map(({ priceMicros, ...row }) => [keyOf({ ...row, pricePerHourMicros: String(priceMicros) }), row] as const),
  )
}

function compareLines(
  month: YearMonth,
  projectId: string,
  told: ReadonlyMap<string, TalliedLine>,
  onRecord: ReadonlyMap<string, TalliedLine>,
): string[] {
  const sumOf = (line: TalliedLine | undefined) => (line ? `${line.minutes} min, ${line.numerator} / 60` : 'nothing')
  return [...new Set([...told.keys(), ...onRecord.keys()])]
    .filter((key) => sumOf(told.get(key)) !== sumOf(onRecord.get(key)))
    .map(
      (key) =>
        `Statement ${month} of project ${projectId}, ${key}: ${sumOf(onRecord.get(key))} on record and ${sumOf(told.get(key))} by the events.`,
    )
}
