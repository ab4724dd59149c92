/** How Cahier starts, is refused, ends and is taken over. */

import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cahierThatEnds, freePort } from '../testkit/cahier.ts'
import { type World, world } from './world.ts'

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

test('/health and /ready answer, and the admin token is readable by its owner alone', async () => {
  const get = async (path: string) => (await fetch(`${w.cahier().url}${path}`)).status
  expect(await get('/health')).toBe(200)
  expect(await get('/ready')).toBe(200)
  const home = w.environment.CAHIER_HOME
  for (const file of ['admin-token', 'env', 'encryption-key'])
    expect((await stat(join(home, file))).mode & 0o777, file).toBe(0o600)
  expect(await readFile(join(home, 'env'), 'utf8')).toContain(`DOCKER_HOST=${w.environment.DOCKER_HOST}`)
})

test('Ctrl-C ends it within 10 s and leaves notebooks running; the next start takes them over', async () => {
  const notebook = await w.create({})
  const running = await w.client().waitFor(notebook.id, 'RUNNING')
  const began = performance.now()
  expect(await w.cahier().interrupt()).toBe(0)
  expect(performance.now() - began).toBeLessThan(10_000)
  await w.restart()
  const after = await w.client().waitFor(notebook.id, 'RUNNING')
  expect(after.startedAt).toBe(running.startedAt)
  expect(await w.jupyter(after).run('print(6 * 7)')).toBe('42\n')
  await w.stop(notebook.id)
})

describe('a wrong value of the environment is one clear sentence, not a stack trace', () => {
  async function refused(change: Record<string, string>): Promise<string> {
    const home = await mkdtemp(join(tmpdir(), 'cahier-refused-'))
    const environment = { ...w.environment, PORT: String(await freePort()), CAHIER_HOME: home, ...change }
    const { code, output } = await cahierThatEnds(environment)
    await rm(home, { recursive: true })
    expect(code).toBe(1)
    expect(output).not.toMatch(/^\s+at /m)
    return output.trim().split('\n').at(-1) ?? ''
  }

  test('a port that is no number', async () => {
    expect(await refused({ PORT: 'http' })).toMatch(/^Cahier cannot start\. PORT: /)
  })

  test('a database that does not answer', async () => {
    const port = await freePort()
    const sentence = await refused({ DATABASE_URL: `postgresql://nobody@127.0.0.1:${port}/cahier` })
    expect(sentence).toMatch(new RegExp(`^Cahier cannot start\\. DATABASE_URL: .*127\\.0\\.0\\.1:${port}`))
  })

  test('an engine that does not answer', async () => {
    const sentence = await refused({ DOCKER_HOST: 'unix:///nowhere/docker.sock' })
    expect(sentence).toMatch(/^Cahier cannot start\. DOCKER_HOST: .*nowhere/)
  })

  test('an object store that does not answer', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`
    expect(await refused({ S3_ENDPOINT: endpoint })).toContain(
      `S3_ENDPOINT: The store at ${endpoint} does not answer as S3`,
    )
  })

  test('keys that the object store refuses', async () => {
    expect(await refused({ S3_SECRET_KEY: 'wrong' })).toMatch(/S3_ENDPOINT: The store at .* refuses the keys\.$/)
  })

  test('a catalogue that is not there', async () => {
    expect(await refused({ CATALOGUE: '/nowhere/catalogue.json' })).toMatch(/CATALOGUE: \/nowhere\/catalogue\.json/)
  })

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    expect(await refused({ PORT: String(port) })).toContain(`${port}`)
    server.close()
  })
})

test('boot warns when CAHIER_HOME lies in a git work tree', async () => {
  const home = new URL('../../.cahier/never-made', import.meta.url).pathname
  const { output } = await cahierThatEnds({ ...w.environment, CAHIER_HOME: home, DOCKER_HOST: 'unix:///nowhere' })
  expect(output).toMatch(/Warning: CAHIER_HOME .* lies in the git work tree/)
  await rm(home, { recursive: true })
})
