/** What is wrong after everything came to rest and was swept: on record, in the engine, and in all that ever happened there. */
import { sweep } from '../../src/controller/sweep.ts'
import { judgeHistory } from '../testkit/engine-history.ts'
import { findViolations } from '../testkit/invariants.ts'
import type { World } from './world.ts'

/** Sentences; none when all is well. */
export async function faultsAfterAll(w: World): Promise<string[]> {
  await sweep(w.sweeper)
  const look = async () => ({
    containers: await w.control.containers(w.installation),
    volumes: new Set((await w.control.volumes()).keys()),
  })
  const violations = await findViolations(w.database, look, { isSwept: true, overcommit: w.catalogue.overcommit })
  return [...judgeHistory(await w.control.history(w.installation)), ...violations.map(({ what }) => what)]
}
