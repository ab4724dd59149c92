/** `$CAHIER_HOME/cahier.pid`: which process is the control plane, so that "npm run down" can end it first. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../config.ts'
import { endProcess, processFrom } from '../embedded/daemon.ts'

/** In its command line. */
const MARK = 'src/main.ts'

/** A control plane ends within 10 s; in seconds. */
const END_LIMIT = 15

const pidFile = (home: string): string => join(home, 'cahier.pid')

export async function writePidFile(home: string): Promise<void> {
  await writeFile(pidFile(home), `${process.pid}\n`)
}

export async function removePidFile(home: string): Promise<void> {
  await rm(pidFile(home), { force: true })
}

export async function controlPlaneRuns(home: string): Promise<boolean> {
  return (await processFrom(pidFile(home), MARK)) !== null
}

/** Ends the control plane of that home as Ctrl-C does. False when none runs. */
export async function endControlPlane(home: string): Promise<boolean> {
  const pid = await processFrom(pidFile(home), MARK)
  if (pid === null) return false
  if (!(await endProcess(pid, MARK, 'SIGTERM', END_LIMIT)))
    throw new ConfigError(`The control plane (process ${pid}) does not end: end it, and run this again.`)
  return true
}
