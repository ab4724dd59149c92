/**
 * Docker for a machine where no daemon answers: a private one of this CAHIER_HOME. A daemon that is there already is used
 * and never disturbed. The private one outlives us, and with it the notebooks; the next start takes it over.
 */
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { call, LIMIT } from '../engine/docker/call.ts'
import { connectDocker } from '../engine/docker/connect.ts'
import { installPackages, PackagesError } from '../host/apt.ts'
import { findProgram, runProgram } from '../host/programs.ts'
import { endProcess, lastLines, processesWith, processFrom, startDaemon, until } from './daemon.ts'
import { clearRunFolder, EmbeddedError, makeFolders, runFolder } from './folders.ts'
import { withHomeLock } from './lock.ts'

const SYSTEM_SOCKET = '/var/run/docker.sock'

const PACKAGES = ['docker.io', 'iptables', 'ca-certificates']
const ELSEWHERE = 'Docker Engine (https://docs.docker.com/engine/install)'

/** In seconds. A stop gives the containers that still run time to end. */
const START_LIMIT = 60
const STOP_LIMIT = 60

/** The traces of a private daemon. */
interface PrivateDaemon {
  socket: string
  pidFile: string
  execRoot: string
  dataRoot: string
  log: string
}

function privateDaemonOf(home: string): PrivateDaemon {
  const run = runFolder(home)
  return {
    socket: join(run, 'docker.sock'),
    pidFile: join(run, 'docker.pid'),
    execRoot: join(run, 'docker'),
    dataRoot: join(home, 'docker'),
    log: join(home, 'docker.log'),
  }
}

interface Docker {
  dockerHost: string
  /** False when it ran already. */
  started: boolean
}

/** Resolves when a daemon answers: the system's, or the private one of this home. Throws EmbeddedError. */
export async function ensureDocker(home: string, say: (line: string) => void): Promise<Docker> {
  const system = { dockerHost: `unix://${SYSTEM_SOCKET}`, started: false }
  if (await systemDaemonAnswers()) return system
  if (!(await findProgram('dockerd'))) {
    await installDocker(say)
    // Its package may have brought up the system's own.
    if (await systemDaemonAnswers()) return system
  }
  return ensurePrivateDocker(home, say)
}

/** Resolves when the private daemon of this home answers, whatever else runs. Docker has to be installed. Throws EmbeddedError. */
export async function ensurePrivateDocker(home: string, say: (line: string) => void): Promise<Docker> {
  await makeFolders(home)
  const daemon = privateDaemonOf(home)
  const dockerHost = `unix://${daemon.socket}`
  return withHomeLock(home, 'docker', async () => {
    if (await takeOver(daemon)) return { dockerHost, started: false }
    const program = await findProgram('dockerd')
    if (!program) throw new EmbeddedError(`Docker is not installed; install ${ELSEWHERE}.`)
    await start(program, daemon, say)
    return { dockerHost, started: true }
  })
}

/** Its process; null when it does not run. */
export function privateDockerProcess(home: string): Promise<number | null> {
  const { pidFile, socket } = privateDaemonOf(home)
  return processFrom(pidFile, socket)
}

/** Ends the private daemon in order, and with it what still runs in it. False when none was running. */
export async function stopDocker(home: string): Promise<boolean> {
  const { socket, pidFile, dataRoot } = privateDaemonOf(home)
  return withHomeLock(home, 'docker', async () => {
    const pid = await processFrom(pidFile, socket)
    if (pid === null) return false
    if (!(await endProcess(pid, socket, 'SIGTERM', STOP_LIMIT)))
      throw new EmbeddedError(`Docker (process ${pid}) did not end within ${STOP_LIMIT} s.`)
    await unmount(dataRoot)
    await clearRunFolder(home, ['docker.sock', 'docker.pid'])
    return true
  })
}

/** The daemon mounts its data on itself, and when it was killed in between forgets to undo it: the folder could not be removed then. */
async function unmount(folder: string): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  if (!mounts.includes(` ${folder} `)) return
  const { exitCode, output } = await runProgram('umount', [folder])
  if (exitCode !== 0) throw new EmbeddedError(`${folder} cannot be unmounted: ${output}`)
}

/** True when the private daemon runs and answers. Otherwise it does not run, and its stale traces are gone. */
async function takeOver({ socket, pidFile, execRoot, dataRoot, log }: PrivateDaemon): Promise<boolean> {
  const running = () => processFrom(pidFile, socket)
  let answering = false
  const settled = async () => {
    answering = await answers(socket)
    return answering || (await running()) === null
  }
  if (!(await until(settled, START_LIMIT))) throw new EmbeddedError(`Docker runs but does not answer; see ${log}.`)
  if (answering) return true
  // A daemon that was killed leaves a containerd, or what looks like one to the next daemon, which then waits for it in vain.
  const containerd = join(execRoot, 'containerd/containerd.pid')
  const orphan = await processFrom(containerd, execRoot)
  if (orphan) await endProcess(orphan, execRoot, 'SIGTERM', STOP_LIMIT)
  await endForgotten(join(execRoot, 'containerd/containerd.sock'), dataRoot)
  for (const file of [socket, pidFile, containerd]) await rm(file, { force: true })
  return false
}

/**
 * A daemon that is killed while it starts a container leaves a shim of it that its own records do not tell of. The next one
 * would never end that, nor ever start the container: "task already exists". What the records tell of is ended by the daemon.
 */
async function endForgotten(containerd: string, dataRoot: string): Promise<void> {
  for (const [pid, args] of processesWith(containerd)) {
    const flag = args.indexOf('-id')
    const container = flag > 0 ? args[flag + 1] : undefined
    if (container && !(await isOnRecordAsRunning(dataRoot, container)))
      await endProcess(pid, containerd, 'SIGKILL', STOP_LIMIT)
  }
}

async function isOnRecordAsRunning(dataRoot: string, container: string): Promise<boolean> {
  try {
    const record = await readFile(join(dataRoot, 'containers', container, 'config.v2.json'), 'utf8')
    return JSON.parse(record).State.Running === true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

async function start(program: string, daemon: PrivateDaemon, say: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new EmbeddedError(
      `No Docker daemon answers at ${SYSTEM_SOCKET}; start it ("sudo systemctl start docker") and start again.`,
    )
  say('Starting a Docker daemon of our own.')
  const args = [
    ...['--host', `unix://${daemon.socket}`, '--pidfile', daemon.pidFile],
    ...['--data-root', daemon.dataRoot, '--exec-root', daemon.execRoot],
  ]
  const dockerd = startDaemon(program, args, { log: daemon.log, env: process.env, cwd: '/' })
  await until(async () => dockerd.ended || (await answers(daemon.socket)), START_LIMIT)
  if (dockerd.ended || !(await answers(daemon.socket)))
    throw new EmbeddedError(`Docker did not start; ${daemon.log} ends with:\n${await lastLines(daemon.log, 5)}`)
}

async function installDocker(say: (line: string) => void): Promise<void> {
  say('No Docker daemon answers here, and Docker is not installed.')
  try {
    await installPackages(PACKAGES, ELSEWHERE, say)
  } catch (error) {
    if (!(error instanceof PackagesError)) throw error
    throw new EmbeddedError(`Notebooks run in Docker, which is not installed. ${error.message}`, { cause: error })
  }
  if (!(await findProgram('dockerd')))
    throw new EmbeddedError(`The package docker.io brought no dockerd; install ${ELSEWHERE}.`)
  // With systemd, the service is on its way up.
  if (existsSync('/run/systemd/system')) await until(systemDaemonAnswers, START_LIMIT)
}

/** Throws EmbeddedError when one is there that we may not use. */
function systemDaemonAnswers(): Promise<boolean> {
  return answers(SYSTEM_SOCKET)
}

async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false
  try {
    const docker = connectDocker(`unix://${socket}`)
    await call('answer', LIMIT.PING, () => docker.ping())
    return true
  } catch (error) {
    if (error instanceof Error && hasCode(error.cause, 'EACCES'))
      throw new EmbeddedError(
        `You may not use the Docker daemon at ${socket}; run "sudo usermod -aG docker $USER", log in again and start again.`,
        { cause: error },
      )
    // Not there yet, or no daemon behind a socket that was left.
    return false
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
