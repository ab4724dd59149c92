/**
 * The mover: the program that carries data between a store and the volumes, in a container of its own. Reads one plan
 * from stdin, says its progress on stdout, and leaves its results beside the data; see protocol.ts and docs/DATA.md. Or it
 * reads an errand, for which it needs no volume.
 *
 * SIGTERM or SIGINT cancels: what is under way is dropped, what was written aside is removed, and it ends within 2 s.
 */
import { AddressGuard } from './address.ts'
import { runErrand } from './errand.ts'
import { PlanError, parsePlan } from './plan.ts'
import { EXIT } from './protocol.ts'
import { run } from './run.ts'
import { S3Store } from './s3.ts'
import type { RunParts } from './target.ts'

const PLAN_TIMEOUT_MS = 30_000
/** After a cancellation everything unwinds by itself; what has not by then is left to the next run. */
const UNWINDING_MS = 1_500

const cancelled = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    cancelled.abort(new Error(`Cancelled by ${signal}.`))
    setTimeout(() => process.exit(EXIT.CANCELLED), UNWINDING_MS).unref()
  })

// Progress may be lost: nobody reading it is no reason to stop.
process.stdout.on('error', () => undefined)

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    complain(error)
    process.exit(EXIT.BUG)
  },
)

async function main(): Promise<number> {
  try {
    const plan = parsePlan(await readPlan())
    const guard = new AddressGuard(plan.allowedPrivateAddresses)
    if ('errand' in plan) return await runErrand(plan, guard, say, cancelled.signal)
    const parts: RunParts = {
      openStore: (target, signal) => new S3Store(target.source, guard, signal),
      write: say,
      onBug: complain,
    }
    return await run(plan, parts, cancelled.signal)
  } catch (error) {
    if (cancelled.signal.aborted) return EXIT.CANCELLED
    if (!(error instanceof PlanError)) throw error
    process.stderr.write(`${error.message}\n`)
    return EXIT.NO_PLAN
  }
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function complain(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
}

/** Stdin to its end. Throws PlanError when it does not end in time. */
async function readPlan(): Promise<string> {
  const timer = setTimeout(() => process.stdin.destroy(new PlanError('No plan came.')), PLAN_TIMEOUT_MS)
  const giveUp = () => process.stdin.destroy(new PlanError('Cancelled before the plan came.'))
  cancelled.signal.addEventListener('abort', giveUp)
  try {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  } finally {
    clearTimeout(timer)
    cancelled.signal.removeEventListener('abort', giveUp)
  }
}
