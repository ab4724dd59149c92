import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { until } from './daemon.ts'
import { ensurePostgres, stopPostgres } from './postgres.ts'

let home: string
let said: string[]
const say = (line: string) => void said.push(line)

/** One database for all tests, because making one takes longest. */
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'cahier-postgres-'))
  chmodSync(home, 0o755)
})

beforeEach(() => {
  said = []
})

afterAll(async () => {
  await stopPostgres(home)
  rmSync(home, { recursive: true })
})

const pidFile = () => join(home, 'postgres/data/postmaster.pid')
const serverPid = () => Number.parseInt(readFileSync(pidFile(), 'utf8'), 10)

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  // A zombie, which nobody here may reap, has no command line any more.
  const gone = async () => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === ''
    } catch {
      return true
    }
  }
  expect(await until(gone, 10)).toBe(true)
}

test('the first start makes a durable database that takes connections on a socket only', async () => {
  const { url, started } = await ensurePostgres(home, say)
  expect(started).toBe(true)
  expect(said).toEqual(['Making the database and starting PostgreSQL.'])
  const settings = await query(
    url,
    "SELECT current_database() AS database, current_setting('fsync') AS fsync, current_setting('listen_addresses') AS addresses",
  )
  expect(settings).toEqual([{ database: 'cahier', fsync: 'on', addresses: '' }])
})

test('a server that runs is taken over, and nothing is said', async () => {
  const first = await ensurePostgres(home, say)
  const pid = serverPid()
  said = []
  expect(await ensurePostgres(home, say)).toEqual({ url: first.url, started: false })
  expect(serverPid()).toBe(pid)
  expect(said).toEqual([])
})

test('starts at the same time end up with one server', async () => {
  await stopPostgres(home)
  const results = await Promise.all([1, 2, 3].map(() => ensurePostgres(home, say)))
  expect(results.filter(({ started }) => started)).toHaveLength(1)
})

test('the server lives on when the whole process group of its starter is killed', async () => {
  await stopPostgres(home)
  const starter = new URL('./postgres.ts', import.meta.url).href
  const script = `const { ensurePostgres } = await import(${JSON.stringify(starter)})
    console.log((await ensurePostgres(${JSON.stringify(home)}, () => undefined)).url)
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  await query(url, 'CREATE TABLE orphaned AS SELECT 42 AS answer')
  const ended = once(child, 'exit')
  process.kill(-(child.pid as number), 'SIGKILL')
  await ended
  expect(await ensurePostgres(home, say)).toEqual({ url, started: false })
  expect(await query(url, 'SELECT answer FROM orphaned')).toEqual([{ answer: 42 }])
})

test('a server that was killed is started again with everything it acknowledged', async () => {
  const { url } = await ensurePostgres(home, say)
  await query(url, 'CREATE TABLE kept AS SELECT 42 AS answer')
  await kill(serverPid())
  expect((await ensurePostgres(home, say)).started).toBe(true)
  expect(await query(url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
})

test("a stale lock whose process id is somebody else's by now is no obstacle", async () => {
  await ensurePostgres(home, say)
  const lock = readFileSync(pidFile(), 'utf8')
  await stopPostgres(home)
  writeFileSync(pidFile(), lock.replace(/^\d+/, String(process.pid)))
  expect((await ensurePostgres(home, say)).started).toBe(true)
})

test('a server whose data was removed under it is replaced, and an interrupted first start begun anew', async () => {
  const { url } = await ensurePostgres(home, say)
  const pid = serverPid()
  await query(url, 'CREATE TABLE removed ()')
  const folder = join(home, 'postgres')
  rmSync(join(folder, 'data'), { recursive: true })
  mkdirSync(join(folder, 'new/base'), { recursive: true })
  expect((await ensurePostgres(home, say)).started).toBe(true)
  expect(serverPid()).not.toBe(pid)
  expect(await query(url, "SELECT to_regclass('removed') AS removed")).toEqual([{ removed: null }])
})

test("a home that the server's user may not enter does as well", async () => {
  await stopPostgres(home)
  chmodSync(home, 0o700)
  const { url } = await ensurePostgres(home, say)
  expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test('stopping says whether there was a server to stop', async () => {
  await ensurePostgres(home, say)
  expect(await stopPostgres(home)).toBe(true)
  expect(await stopPostgres(home)).toBe(false)
})
