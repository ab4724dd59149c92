/**
 * Anything may happen to notebooks in any order: the invariants hold, and once the faults are over every notebook comes to
 * rest, with no file lost. MODEL_RUNS says how many random histories are tried, MODEL_SEED which.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findOrphans } from '../../src/controller/orphans.ts'
import { TRANSITIONS } from '../../src/domain/lifecycle.ts'
import { assertNone, commands, type Model } from './commands.ts'
import { missingFiles } from './files.ts'
import { type Lab, lab } from './lab.ts'

const RUNS = Number(process.env.MODEL_RUNS ?? 8)
const SEED = Number(process.env.MODEL_SEED ?? 20_261_124)
const MAX_COMMANDS = 250

const edges = new Set<string>()
let acts = 0

test('whatever happens in whatever order, the invariants hold and every notebook comes to rest', async () => {
  const property = fc.asyncProperty(commands(MAX_COMMANDS), async (history) => {
    await using real = await lab()
    const model: Model = { acts: 0 }
    real.startControlPlane()
    await real.create(1)
    await fc.asyncModelRun(() => ({ model, real }), history)
    await comesToRest(real)
    for (const edge of await edgesOf(real)) edges.add(edge)
    acts += model.acts
  })
  const repeat = `MODEL_SEED=${SEED} MODEL_RUNS=${RUNS} npx vitest run --project model`
  await fc.assert(property, {
    numRuns: RUNS,
    seed: SEED,
    endOnFailure: true,
    reporter: (run) => {
      if (!run.failed) return
      const message = `${fc.defaultReportMessage(run)}\nRepeat it: ${repeat}`
      throw new Error(message, { cause: run.errorInstance })
    },
  })
  expect(acts).toBeGreaterThan(RUNS * 20)
  const never = Object.entries(TRANSITIONS).flatMap(([from, targets]) =>
    targets.map((to) => `${from} > ${to}`).filter((edge) => !edges.has(edge)),
  )
  console.log(`${acts} acts in ${RUNS} histories; transitions never taken: ${never.join(', ') || 'none'}`)
}, 600_000)

/** With all faults over: first wherever they come to rest by themselves, then as a user ends them. */
async function comesToRest(real: Lab): Promise<void> {
  await real.heal()
  const isAtRest: Parameters<Lab['untilAll']>[1] = (notebook, all) => {
    const { id, deletedAt, state, phase, desired, restartWished, attempts } = notebook
    if (deletedAt) return true
    // First come, first served: who has room may wait behind one who has none.
    if (phase === 'QUEUED') return all.some((other) => other.phase === 'QUEUED' && !real.hasRoomFor(other, all))
    if (state === 'RUNNING') return desired === 'RUNNING' && !restartWished && attempts === 0 && real.isAlive(id)
    return ['STOPPED', 'FAILED', 'ERROR'].includes(state) && desired !== 'DELETED'
  }
  await real.untilAll('at rest', isAtRest)
  assertNone(await real.violations())
  for (const n of real.ids.keys()) {
    await real.stop(n)
    await real.retry(n)
  }
  const isSafe: typeof isAtRest = (notebook, all) =>
    isAtRest(notebook, all) && notebook.state !== 'RUNNING' && notebook.localCopies.length === 0
  await real.untilAll('stopped and saved', isSafe)
  await real.clock.advance(121)
  await real.sweep()
  assertNone(await real.violations(true))
  expect(missingFiles(real)).toEqual([])
  // A container that is made late brings volumes with it. They are nobody's: empty, and told of by `npm run orphans`.
  for (const [name, files] of real.daemon.volumes) expect([name, ...files.keys()]).toEqual([name])
  const { volumes } = await findOrphans(real.database, real.engine)
  expect(volumes.map(({ name }) => name).sort()).toEqual([...real.daemon.volumes.keys()].sort())
}

async function edgesOf({ database }: Lab): Promise<string[]> {
  const events = await database.event.findMany({
    where: { type: { in: ['NotebookCreated', 'StateChanged', 'PhaseChanged'] } },
    orderBy: [{ notebookId: 'asc' }, { seq: 'asc' }],
  })
  const places = new Map<string, string>()
  return events.map(({ notebookId, type, payload }) => {
    const { to, phase } = payload as { to?: string; phase?: string }
    const before = places.get(notebookId) ?? ''
    const state = type === 'NotebookCreated' ? 'STARTING' : (to ?? before.split('/')[0])
    const place = type === 'NotebookCreated' ? 'STARTING/QUEUED' : phase ? `${state}/${phase}` : `${state}`
    places.set(notebookId, place)
    return `${before} > ${place}`
  })
}
