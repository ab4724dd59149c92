/** A control plane dies between two acts, and the next one goes on from there. */
import { expect, test } from 'vitest'
import { world } from './world.ts'

test('a container that was made and never recorded is not started; the successor makes its own', async () => {
  await using w = await world()
  const first = await w.plane({ traps: [{ point: 'after call create', occurrence: 2, action: 'kill' }] })
  const { id } = await w.notebook()
  await first.ended
  const made = (await w.control.containers(w.installation)).find(({ spec }) => spec.port !== null)
  expect(made).toMatchObject({ state: 'created' })
  await w.plane()
  await w.until(id, ({ state }) => state === 'RUNNING')
  const containers = await w.control.containers(w.installation)
  expect(containers).toMatchObject([{ state: 'running', spec: { port: 8888 } }])
  expect(containers.map((container) => container.id)).not.toContain(made?.id)
})
