/** One injectable clock: notebooks live by `cahier_now()`, which costs what now() costs, and only leases are on real time. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { TestClock } from '../testkit/clock.ts'
import { freshDatabase } from '../testkit/database.ts'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

test('the planner sees through cahier_now(), so due work is found by its index', async () => {
  await using fresh = await freshDatabase()
  const plan = await fresh.database.$transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL enable_seqscan = off`
    return tx.$queryRaw<
      { 'QUERY PLAN': string }[]
    >`EXPLAIN SELECT "id" FROM "Notebook" WHERE "dueAt" <= cahier_now() ORDER BY "dueAt"`
  })
  const text = plan.map((line) => line['QUERY PLAN']).join('\n')
  expect(text).toContain('Index Cond: ("dueAt" <= now())')
})

test('of all SQL about notebooks, only leases and what is no time of a notebook run on the real now()', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^(store|controller|data|usecases)\/.*(?<!\.test)\.ts$/.test(file),
  )
  const lines = files.flatMap((file) =>
    readFileSync(join(SRC, file), 'utf8')
      .split('\n')
      .filter(
        (line) => /(?<![\w.])now\(\)|current_timestamp|clock_timestamp/i.test(line) && !/^\s*(\*|\/\/)/.test(line),
      )
      .map((line) => `${file}: ${line.trim()}`),
  )
  // Errands are of no notebook, and claimed like leases. When a restore was is compared with the dates of an engine, which knows real time only.
  const onRealTime = /^store\/(errands|migrate|restore)\.ts|^usecases\/idempotency\.ts|"leaseUntil"/
  expect(lines.filter((line) => !onRealTime.test(line))).toEqual([])
  expect(lines.length).toBeGreaterThan(0)
})

test('a clock that is held stands still until it is advanced, in the process and in its database', async () => {
  await using fresh = await freshDatabase()
  const clock = await TestClock.of(fresh.database)
  const databaseTime = async () => (await fresh.database.$queryRaw<[{ at: Date }]>`SELECT cahier_now() AS "at"`)[0].at
  await clock.hold()
  const before = clock.now()
  expect(await databaseTime()).toEqual(before)
  const slept = clock.sleep(60_000, new AbortController().signal)
  await clock.advance(59)
  expect(await Promise.race([slept.then(() => 'slept'), Promise.resolve('sleeps')])).toBe('sleeps')
  await clock.advance(1)
  await slept
  expect(clock.now().getTime() - before.getTime()).toBe(60_000)
  expect(await databaseTime()).toEqual(clock.now())
})
