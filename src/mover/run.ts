/**
 * Runs a plan, target after target: one that fails does not stop the others. Each leaves `result.json` in its side
 * directory, whole or not at all; one that was cancelled leaves none.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LineWriter } from './lines.ts'
import { EXIT, type Plan, RESULT_FILE, type TargetError } from './protocol.ts'
import { type RunParts, runTarget } from './target.ts'

const EXIT_OF: Record<TargetError['kind'], number> = { data: EXIT.DATA, store: EXIT.STORE, bug: EXIT.BUG }
const MILD_TO_WORSE: number[] = [EXIT.DONE, EXIT.STORE, EXIT.DATA, EXIT.BUG]

/** Answers the exit code. Throws the signal's reason when it was cancelled. */
export async function run(plan: Plan, parts: RunParts, signal: AbortSignal): Promise<number> {
  for (const { sideDir } of plan.targets) {
    await mkdir(sideDir, { recursive: true })
    // What an earlier operation left must not pass for this one's.
    await rm(join(sideDir, RESULT_FILE), { force: true })
  }
  let worst = 0
  for (const target of plan.targets) {
    signal.throwIfAborted()
    const result = await runTarget(plan, target, parts, signal)
    const file = await LineWriter.create(join(target.sideDir, `${RESULT_FILE}.part`))
    await file.write(result)
    await file.publish(join(target.sideDir, RESULT_FILE))
    if (result.error) worst = Math.max(worst, MILD_TO_WORSE.indexOf(EXIT_OF[result.error.kind]))
  }
  return MILD_TO_WORSE[worst] ?? EXIT.BUG
}
