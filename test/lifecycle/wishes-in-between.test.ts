/** A wish that comes between the look at a settled notebook and the step that was decided by it goes before the step. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { observe } from '../../src/controller/observe.ts'
import { StepContext } from '../../src/controller/steps/context.ts'
import { beginDeletion, retrySave } from '../../src/controller/steps/settle.ts'
import { claimDue } from '../../src/store/leases.ts'
import { isSettled, stop, type World, world } from './world.ts'

let w: World
beforeEach(async () => {
  w = await world()
})
afterEach(() => w[Symbol.asyncDispose]())

/** A step of a notebook that was settled when it was looked at. */
async function lookedAtSettled(): Promise<{ id: string; context: StepContext }> {
  const controller = w.control()
  const id = await w.running()
  await w.wish(id, stop)
  await w.until(id, isSettled)
  await controller.stop()
  await w.wake(id)
  const [claim] = await claimDue(w.database, crypto.randomUUID(), 60, 1, [])
  const observation = await observe(w.database, w.engine, id)
  if (!claim || !observation) throw new Error('The notebook is not due.')
  return { id, context: new StepContext(w.parts, observation, claim.lease, new AbortController().signal) }
}

test.each([
  ['deleted', beginDeletion],
  ['saved again', retrySave],
])('a notebook that is started just as it would be %s is started', async (_, step) => {
  const { id, context } = await lookedAtSettled()
  await w.start(id)
  await step(context)
  expect(await w.database.notebook.findUnique({ where: { id } })).toMatchObject({ state: 'STARTING', phase: 'QUEUED' })
})
