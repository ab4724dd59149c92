/**
 * A Docker daemon of a test's own, to be stopped and killed. It touches nothing of the daemon under test but one network of
 * it, whose bridge it uses, and sets no packet filter rules, since there is one set of those on a machine. Needs root.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type Dockerode from 'dockerode'
import { endProcess, lastLines, processFrom, startDaemon, until } from '../../src/embedded/daemon.ts'
import { connectDocker } from '../../src/engine/docker/connect.ts'
import { findProgram, runProgram } from '../../src/host/programs.ts'

const START_LIMIT = 60
const STOP_LIMIT = 60

export interface PrivateDaemon extends AsyncDisposable {
  dockerHost: string
  docker: Dockerode
  /** With `keepContainers` they go on while it is down. */
  start(options?: { keepContainers?: boolean }): Promise<void>
  /** In order, which ends its containers, unless it was started to keep them. */
  stop(): Promise<void>
  /** kill -9; with `containers` also of all that runs in them, as when the machine loses its power. */
  kill(options?: { containers?: boolean }): Promise<void>
}

/** `host`: the daemon under test, which lends a bridge and these images. Resolves when it has them. */
export async function startPrivateDaemon(host: Dockerode, images: readonly string[]): Promise<PrivateDaemon> {
  const program = await findProgram('dockerd')
  if (!program || process.getuid?.() !== 0) throw new Error('A daemon of the test’s own needs dockerd and root.')
  const folder = await mkdtemp(join(tmpdir(), 'cahier-dockerd-'))
  const bridge = `ca-test-${folder.slice(-6).toLowerCase()}`
  const network = await host.createNetwork({ Name: bridge, Options: { 'com.docker.network.bridge.name': bridge } })
  const [socket, pidFile, log] = ['s', 'pid', 'log'].map((name) => join(folder, name)) as [string, string, string]
  const docker = connectDocker(`unix://${socket}`)
  const answers = () =>
    docker.ping().then(
      () => true,
      () => false,
    )

  async function end(signal: NodeJS.Signals): Promise<void> {
    const pid = await processFrom(pidFile, socket)
    if (pid !== null && !(await endProcess(pid, socket, signal, STOP_LIMIT))) throw new Error('dockerd does not end')
    await rm(pidFile, { force: true })
  }

  const daemon: PrivateDaemon = {
    dockerHost: `unix://${socket}`,
    docker,
    async start({ keepContainers = false } = {}) {
      const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', pidFile]
      const args = ['--host', `unix://${socket}`, ...places, '--iptables=false', '--bridge', bridge]
      const dockerd = startDaemon(program, [...args, ...(keepContainers ? ['--live-restore'] : [])], {
        log,
        env: process.env,
        cwd: '/',
      })
      await until(async () => dockerd.ended || (await answers()), START_LIMIT)
      if (dockerd.ended || !(await answers())) throw new Error(`dockerd did not start:\n${await lastLines(log, 5)}`)
    },
    stop: () => end('SIGTERM'),
    async kill({ containers = false } = {}) {
      await end('SIGKILL')
      // It leaves a containerd, or what looks like one to the next daemon, which then waits for it in vain.
      const orphanFile = join(folder, 'exec/containerd/containerd.pid')
      const orphan = await processFrom(orphanFile, folder)
      if (orphan !== null) await endProcess(orphan, folder, 'SIGKILL', STOP_LIMIT)
      await rm(orphanFile, { force: true })
      if (containers) await killContainers(folder)
    },
    async [Symbol.asyncDispose]() {
      await end('SIGTERM')
      await network.remove()
      // A daemon that was killed forgets that it mounted its data on itself.
      const mounts = await readFile('/proc/self/mounts', 'utf8')
      if (mounts.includes(` ${join(folder, 'data')} `)) await runProgram('umount', [join(folder, 'data')])
      await rm(folder, { recursive: true })
    },
  }
  await daemon.start()
  for (const image of images) await carryOver(host, docker, image)
  return daemon
}

async function carryOver(from: Dockerode, to: Dockerode, image: string): Promise<void> {
  const answer = await to.loadImage(await from.getImage(image).get(), { quiet: true })
  await text(answer as Readable)
}

/** First those that watch over them, so that nobody sees how they end. */
async function killContainers(folder: string): Promise<void> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0)
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  const shims = pids.filter(
    (_, index) => /containerd-shim/.test(commands[index] ?? '') && commands[index]?.includes(folder),
  )
  const inside = await Promise.all(shims.map((pid) => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')))
  for (const pid of [...shims, ...inside.join(' ').trim().split(/\s+/).map(Number)]) process.kill(pid, 'SIGKILL')
}
