/**
 * The invariants of the lifecycle, checked on a database and an engine from outside, at any moment and under whatever load:
 * what is found is a bug. Nothing here trusts the code that it judges, but the table of transitions and the proof of bills.
 */
import type { Database } from '../../src/store/database.ts'
import { verifyBills } from '../../src/usecases/verify-bills.ts'
import { type Known, readRecords, type Seen, steadyNotebooks } from './invariants/records.ts'
import { type Evidence, INVARIANTS, type Invariant } from './invariants/rules.ts'

export type { Known, Seen } from './invariants/records.ts'

export interface Violation {
  invariant: Invariant
  /** One sentence for people. */
  what: string
}

const UNKNOWN: Known = {
  isSwept: false,
  discarded: new Set(),
  overcommit: { cpu: Number.POSITIVE_INFINITY, memory: Number.POSITIVE_INFINITY },
}

/** What there is to judge by. `look` tells what the engine holds; without it only the database is judged. Reads only. */
export async function gatherEvidence(
  database: Database,
  look: (() => Promise<Seen>) | null,
  known: Partial<Known> = {},
): Promise<Evidence> {
  const before = await readRecords(database)
  const seen = look ? await look() : null
  // What the engine was seen to hold can be compared only with what stood still meanwhile.
  const records = seen ? await readRecords(database) : before
  const { faults: unproved } = await verifyBills(database, { projectId: null, month: null })
  return { records, steady: steadyNotebooks(before, records), seen, known: { ...UNKNOWN, ...known }, unproved }
}

export function judge(evidence: Evidence): Violation[] {
  const invariants = Object.keys(INVARIANTS) as Invariant[]
  return invariants.flatMap((invariant) => INVARIANTS[invariant](evidence).map((what) => ({ invariant, what })))
}

export async function findViolations(...of: Parameters<typeof gatherEvidence>): Promise<Violation[]> {
  return judge(await gatherEvidence(...of))
}
