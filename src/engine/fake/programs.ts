/**
 * What the fake engine's containers run: a notebook that stays up until it is told to end, and movers that find what the
 * test says and report it as a real one does.
 */
import {
  type Errand,
  type ErrandReport,
  EXIT,
  type Plan,
  PROTOCOL,
  type ProgressLine,
  RESULT_FILE,
  type Target,
  type TargetResult,
} from '../../mover/protocol.ts'
import type { Exit, FakeProcess, Program } from './container.ts'

/** Runs until SIGTERM, and then ends well, as JupyterLab does. */
export const notebook: Program = (process) => {
  process.exitOnTerm = 0
  return Promise.withResolvers<Exit>().promise
}

/**
 * What came of one target, as far as it differs from a success without files. A promise holds the mover up; what is
 * reported on the way goes out as progress.
 */
export type OutcomeOf = (
  target: Target,
  plan: Plan,
  report: (progress: Partial<ProgressLine>) => void,
) => Partial<TargetResult> | Promise<Partial<TargetResult>>

/** The mildest first: a worse one hides a milder one. */
const SEVERITY: readonly number[] = [EXIT.DONE, EXIT.STORE, EXIT.DATA, EXIT.BUG]
const CODE = { store: EXIT.STORE, data: EXIT.DATA, bug: EXIT.BUG } as const

/** What a mover says at the end of an errand, as far as it differs from a success without a finding. Null: nothing at all. */
export type ReportOf = (errand: Errand) => Partial<ErrandReport> | null

/**
 * A mover that goes through its targets one after the other and leaves a result for each, or says what came of its errand. By
 * default all succeed.
 */
export function moverThat(outcomeOf: OutcomeOf = () => ({}), reportOf: ReportOf = () => ({})): Program {
  return async (process) => {
    const plan = planFrom(process.stdin)
    if (!plan) return { code: EXIT.NO_PLAN, oomKilled: false }
    if ('errand' in plan) return runErrand(plan, process, reportOf)
    let worst = 0
    for (const target of plan.targets) {
      const startedAt = process.now().toISOString()
      const report = (line: Partial<ProgressLine>) =>
        process.print(JSON.stringify({ ...firstLine(plan, target), ...line }))
      report({})
      const outcome = await outcomeOf(target, plan, report)
      const result = { ...successOf(plan, target, startedAt, process.now().toISOString()), ...outcome }
      process.write(`${target.sideDir}/${RESULT_FILE}`, JSON.stringify(result))
      report(lastLine(result))
      worst = Math.max(worst, SEVERITY.indexOf(result.error ? CODE[result.error.kind] : EXIT.DONE))
    }
    return { code: SEVERITY[worst] ?? EXIT.BUG, oomKilled: false }
  }
}

function runErrand(errand: Errand, process: FakeProcess, reportOf: ReportOf): Exit {
  const { protocol, operation } = errand
  const silent = { message: null, mayPass: false, checks: [], objectsRemoved: 0, bytesRemoved: 0 }
  const report = reportOf(errand)
  if (report) process.print(JSON.stringify({ protocol, operation, state: 'done', ...silent, ...report }))
  return { code: report ? EXIT.DONE : EXIT.BUG, oomKilled: false }
}

function planFrom(stdin: string | null): Plan | Errand | null {
  if (!stdin) return null
  const plan = JSON.parse(stdin) as Plan | Errand
  return plan.protocol === PROTOCOL ? plan : null
}

const NOTHING = {
  filesDone: 0,
  filesTotal: 0,
  filesSkipped: 0,
  filesDeleted: 0,
  filesFailed: 0,
  bytesDone: 0,
  bytesTotal: 0,
}

function firstLine({ protocol, operation }: Plan, { id }: Target): ProgressLine {
  return { ...NOTHING, protocol, operation, target: id, stage: 'listing', filesTotal: null, bytesTotal: null }
}

function lastLine(result: TargetResult): Partial<ProgressLine> {
  const { filesDone, filesTotal, filesSkipped, filesDeleted, filesFailed, bytesDone, bytesTotal, state } = result
  return { filesDone, filesTotal, filesSkipped, filesDeleted, filesFailed, bytesDone, bytesTotal, stage: state }
}

function successOf(
  { protocol, operation, direction }: Plan,
  { id }: Target,
  startedAt: string,
  endedAt: string,
): TargetResult {
  return {
    ...NOTHING,
    protocol,
    operation,
    target: id,
    direction,
    state: 'done',
    error: null,
    failures: [],
    conflicts: [],
    deletionsHeld: 0,
    startedAt,
    endedAt,
  }
}
