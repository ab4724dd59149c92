/** "npm run billing:verify [-- --project <id>] [--month <YYYY-MM>]": recomputes all bills from the events alone. */
import { parseArgs } from 'node:util'
import { findDatabase } from './boot/foundation.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { ConfigError, readConfig } from './config.ts'
import { decodeId, isUuid } from './domain/ids.ts'
import { parseMonth } from './domain/month.ts'
import { openDatabase } from './store/database.ts'
import { verifyBills } from './usecases/verify-bills.ts'

const USAGE = 'Usage: npm run billing:verify -- [--project <id>] [--month <YYYY-MM>]'

const say = (line: string): void => console.log(line)

await withoutStackTraces('The bills were not verified.', async () => {
  const only = readArguments()
  const database = openDatabase(await findDatabase(readConfig(), say))
  try {
    const { projects, runs, statements, unprovable, faults } = await verifyBills(database, only)
    for (const fault of faults) say(fault)
    if (unprovable > 0) say(`${unprovable} runs are of a time when events did not tell all that a bill needs.`)
    say(
      `${runs} runs and ${statements} statements of ${projects} projects: ${faults.length} differences to the events.`,
    )
    if (faults.length > 0) process.exitCode = 1
  } finally {
    await database.$disconnect()
  }
})

function readArguments() {
  const { project, month } = parse()
  const projectId = project === undefined ? null : isUuid(project) ? project : decodeId('Project', project)
  if (project !== undefined && projectId === null) throw new ConfigError(`--project: "${project}" is no project's id.`)
  if (month !== undefined && parseMonth(month) === null)
    throw new ConfigError(`--month: "${month}" is no month such as 2026-11.`)
  return { projectId, month: month === undefined ? null : parseMonth(month) }
}

function parse() {
  try {
    return parseArgs({ options: { project: { type: 'string' }, month: { type: 'string' } } }).values
  } catch {
    throw new ConfigError(USAGE)
  }
}
