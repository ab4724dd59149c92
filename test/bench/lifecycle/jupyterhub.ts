/**
 * The rival of the control plane: JupyterHub as Debian packages it, with its own proxy, a spawner that starts nothing, and
 * its REST API as the way in. Its users are made before, so that only spawning is measured.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { installPackages } from '../../../src/host/apt.ts'
import { freePort } from '../../testkit/cahier.ts'
import { startProgram } from '../frame/program.ts'
import type { Say } from '../main.ts'
import type { ControlPlane } from './load.ts'

const CONFIG = fileURLToPath(new URL('./jupyterhub_config.py', import.meta.url))
const PROGRAM = '/usr/bin/jupyterhub'
const TOO_MANY = 429
const LOOK_AGAIN_MS = 20

export async function startJupyterHub(editorPort: number, users: number, say: Say): Promise<ControlPlane> {
  if (!existsSync(PROGRAM)) {
    say('JupyterHub is what the control plane is compared with, and is not here yet.')
    await installPackages(['jupyterhub'], "JupyterHub from Debian's packages", say)
  }
  const home = await mkdtemp(join(tmpdir(), 'cahier-bench-hub-'))
  const [port, proxyPort, proxyApiPort] = [await freePort(), await freePort(), await freePort()]
  const token = randomBytes(16).toString('hex')
  const api = `http://127.0.0.1:${port}/hub/api`
  const request = (method: string, path: string, body?: object) =>
    fetch(`${api}${path}`, {
      method,
      headers: { Authorization: `token ${token}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
  const answers = async () => {
    const response = await request('GET', '/').catch(() => null)
    await response?.body?.cancel()
    return response?.ok ?? false
  }
  const hub = await startProgram(
    ['sh', '-c', `cd "${home}" && exec ${PROGRAM} --config "${CONFIG}"`],
    {
      // Its proxy needs Debian's Node and libraries, not ours.
      PATH: '/usr/bin:/bin',
      NODE_PATH: '/usr/share/nodejs',
      BENCH_EDITOR_PORT: String(editorPort),
      BENCH_HUB_PORT: String(port),
      BENCH_PROXY_PORT: String(proxyPort),
      BENCH_PROXY_API_PORT: String(proxyApiPort),
      BENCH_TOKEN: token,
      CONFIGPROXY_AUTH_TOKEN: randomBytes(16).toString('hex'),
    },
    answers,
  )
  for (let user = 0; user < users; user += 100) {
    const usernames = Array.from({ length: Math.min(100, users - user) }, (_, index) => `user-${user + index}`)
    const response = await request('POST', '/users', { usernames })
    if (!response.ok) throw new Error(`JupyterHub made no users: ${response.status} ${await response.text()}`)
  }
  const isUp = async (index: number) => {
    const user = (await (await request('GET', `/users/user-${index}`)).json()) as {
      servers: Record<string, { ready: boolean }>
    }
    return user.servers['']?.ready ?? false
  }
  return {
    name: 'JupyterHub',
    async launch(index) {
      for (let refusals = 0; ; refusals++) {
        const response = await request('POST', `/users/user-${index}/server`)
        await response.body?.cancel()
        if (response.status === 201) return { refusals }
        if (response.status === 202) {
          while (!(await isUp(index))) await delay(LOOK_AGAIN_MS)
          return { refusals }
        }
        if (response.status !== TOO_MANY) throw new Error(`JupyterHub refused a start: ${response.status}`)
        await delay(1000 * Number(response.headers.get('retry-after') ?? 1) * (0.5 + Math.random() / 2))
      }
    },
    async running() {
      const users = (await (await request('GET', '/users?state=active&limit=10000')).json()) as { servers: object }[]
      return users.filter(({ servers }) => Object.keys(servers).length > 0).length
    },
    async clear(count) {
      for (let index = 0; index < count; index++)
        await (await request('DELETE', `/users/user-${index}/server`)).body?.cancel()
    },
    async [Symbol.asyncDispose]() {
      await hub.end('SIGTERM')
      await rm(home, { recursive: true, force: true })
    },
  }
}
