/** What many RUNNING notebooks cost: the take-over after a kill -9, the sweep, and a control plane that has nothing to do. */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import type { ControllerParts } from '../../../src/controller/parts.ts'
import { sweep } from '../../../src/controller/sweep.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import type { Figure } from '../frame/figure.ts'
import { type Running, startProgram } from '../frame/program.ts'
import { assertWork } from '../frame/rounds.ts'
import type { Say } from '../main.ts'
import { type ManyRunning, manyRunning } from './many-running.ts'

const PROCESS = fileURLToPath(new URL('../../testkit/control-plane-process.ts', import.meta.url))

const TO_ADOPT = 500
const FEW = 1000
const MANY = 10_000
const IDLE_SECONDS = 20
/** Of the kernel's account of a process's time. */
const TICKS_PER_SECOND = 100
const LOOK_EVERY_MS = 10

export async function measureMany(say: Say, rounds: number): Promise<Figure[]> {
  const adoption = await measureAdoption(say, rounds)
  const few = await measureCrowd(FEW, say, rounds)
  const many = await measureCrowd(MANY, say, rounds)
  const atMost = (limit: number) => ({ compare: 'alone', direction: 'at most', limit }) as const
  return [
    ...adoption,
    { name: `sweep of ${FEW} RUNNING`, unit: 's', ours: few.sweeps, rival: null, goal: atMost(1) },
    { name: `sweep of ${MANY} RUNNING`, unit: 's', ours: many.sweeps, rival: null, goal: atMost(1) },
    {
      name: `idle with ${MANY} RUNNING: part of a core`,
      unit: '%',
      ours: [many.idlePercent],
      rival: null,
      goal: atMost(3),
    },
    {
      name: `idle: notebook rows read per s, ${MANY} beside ${FEW}`,
      unit: 'rows',
      ours: [many.rowsPerSecond],
      rival: [few.rowsPerSecond],
      goal: { compare: 'difference', direction: 'at most', limit: 1 },
    },
  ]
}

/**
 * Adopted: claimed by the successor, looked at in the engine, and laid to rest. That is more than the lifecycle needs, in which
 * a RUNNING notebook at rest needs nobody; here all are due, as if each had been worked on at the kill.
 */
async function measureAdoption(say: Say, rounds: number): Promise<Figure[]> {
  await using crowd = await manyRunning(TO_ADOPT, say)
  const afterReady: number[] = []
  const afterKill: number[] = []
  let plane = await controlPlane(crowd)
  for (let round = -1; round < rounds; round++) {
    await plane.end('SIGKILL')
    const killedAt = performance.now()
    await crowd.sql.query('UPDATE "Notebook" SET "dueAt" = now(), "leaseOwner" = NULL, "leaseUntil" = NULL')
    plane = await controlPlane(crowd)
    const readyAt = performance.now()
    while ((await notAdopted(crowd)) > 0) await delay(LOOK_EVERY_MS)
    if (round < 0) continue
    afterReady.push((performance.now() - readyAt) / 1000)
    afterKill.push((performance.now() - killedAt) / 1000)
    say(`  ${TO_ADOPT} adopted ${afterReady.at(-1)?.toFixed(2)} s after the successor was up`)
  }
  await plane.end('SIGKILL')
  const { rows } = await crowd.sql.query(`SELECT count(*)::int AS n FROM "Notebook" WHERE "state" = 'RUNNING'`)
  assertWork('RUNNING after the take-overs', rows[0].n, TO_ADOPT)
  return [
    {
      name: `${TO_ADOPT} RUNNING adopted, from the successor's start of work`,
      unit: 's',
      ours: afterReady,
      rival: null,
      goal: { compare: 'alone', direction: 'at most', limit: 2 },
    },
    { name: `${TO_ADOPT} RUNNING adopted, from the kill`, unit: 's', ours: afterKill, rival: null, goal: null },
  ]
}

async function notAdopted({ sql }: ManyRunning): Promise<number> {
  const { rows } = await sql.query(
    `SELECT count(*)::int AS n FROM "Notebook" WHERE "leaseOwner" IS NOT NULL OR "dueAt" IS NULL OR "dueAt" <= now()`,
  )
  return rows[0].n
}

async function measureCrowd(count: number, say: Say, rounds: number) {
  say(`putting ${count} notebooks to work`)
  await using crowd = await manyRunning(count, say)
  const sweeps: number[] = []
  for (let round = -1; round < rounds; round++) {
    const seconds = await sweepOnce(crowd, count)
    if (round >= 0) sweeps.push(seconds)
  }
  say(`  sweeps: ${sweeps.map((each) => each.toFixed(2)).join(' ')} s`)
  return { sweeps, ...(await measureIdle(crowd)) }
}

/** In seconds, list call and statement. */
async function sweepOnce({ database, engine, sql }: ManyRunning, count: number): Promise<number> {
  const { rows: before } = await sql.query('SELECT now() AS "at"')
  const parts = { database, engine, clock: systemClock, log: pino({ level: 'silent' }) } as unknown as ControllerParts
  const began = performance.now()
  await sweep(parts)
  const seconds = (performance.now() - began) / 1000
  const { rows } = await sql.query('SELECT count(*)::int AS n FROM "Container" WHERE "lastSeenAliveAt" >= $1', [
    before[0].at,
  ])
  assertWork('containers marked alive', rows[0].n, count)
  return seconds
}

/** After its first sweep, and before the next. */
async function measureIdle(crowd: ManyRunning) {
  const { rows } = await crowd.sql.query('SELECT now() AS "at"')
  await using plane = await controlPlane(crowd)
  const isMarked = async () => {
    const marked = await crowd.sql.query('SELECT bool_and("lastSeenAliveAt" > $1) AS "all" FROM "Container"', [
      rows[0].at,
    ])
    return marked.rows[0].all as boolean
  }
  while (!(await isMarked())) await delay(100)
  // What the sweep and the start left to the garbage collector.
  await delay(2000)
  const [cpu, read] = [await cpuSeconds(plane), await rowsRead(crowd)]
  await delay(IDLE_SECONDS * 1000)
  return {
    idlePercent: (100 * ((await cpuSeconds(plane)) - cpu)) / IDLE_SECONDS,
    rowsPerSecond: ((await rowsRead(crowd)) - read) / IDLE_SECONDS,
  }
}

function controlPlane({ on }: ManyRunning): Promise<Running> {
  const options = JSON.stringify({ on, leaseSeconds: 5 })
  return startProgram([process.execPath, PROCESS, options], {}, (line) => line === 'ready')
}

async function cpuSeconds({ pid }: Running): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Rows of notebooks that statements of this database have fetched so far, by scan or by index. */
async function rowsRead({ sql }: ManyRunning): Promise<number> {
  const { rows } = await sql.query(
    `SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS n FROM pg_stat_user_tables WHERE relname = 'Notebook'`,
  )
  return rows[0].n
}
