/** "npm run down" while a notebook runs. */
import { expect, test } from 'vitest'
import { cahierDown } from '../testkit/cahier.ts'
import { world } from './world.ts'

test('down ends the control plane and saves and stops every notebook; the next start finds them STOPPED', async () => {
  await using w = await world()
  const notebook = await w.create({})
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  await w.jupyter(running).run("open('/workspace/last-words', 'w').write('saved')")

  const { code, output } = await cahierDown(w.environment)
  expect(output).toMatch(/The control plane has ended\.\n.*Saving and stopping 1 notebook\.\n.*Cahier is down\./s)
  expect(code).toBe(0)
  expect(await w.buckets.read(w.workspaceBucket, `${notebook.uuid}/last-words`)).toBe('saved')
  expect(await w.docker.listContainers({ filters: { label: [`cahier.notebook=${notebook.uuid}`] } })).toEqual([])

  await w.restart()
  expect(await w.client().waitFor(notebook.id, 'STOPPED')).toMatchObject({ reason: 'PLATFORM' })
})
