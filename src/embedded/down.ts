/** Stops the embedded parts of a CAHIER_HOME, each after those that need it. Notebooks must have been stopped before. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { connectDocker } from '../engine/docker/connect.ts'
import { EngineUnavailableError } from '../engine/port.ts'
import { stopDocker } from './docker.ts'
import { stopObjectStore } from './object-store.ts'
import { stopPostgres } from './postgres.ts'

/** A part that does not run, or is the user's own, is passed over. Throws EmbeddedError. */
export async function stopEmbedded(home: string, say: (line: string) => void): Promise<void> {
  const dockerHost = await dockerHostOf(home)
  if (dockerHost && (await stopStoreIn(dockerHost, home))) say('The object store has stopped.')
  if (await stopDocker(home)) say('Docker has stopped.')
  if (await stopPostgres(home)) say('PostgreSQL has stopped.')
}

/** A daemon that does not answer runs no object store. */
async function stopStoreIn(dockerHost: string, home: string): Promise<boolean> {
  try {
    return await stopObjectStore(connectDocker(dockerHost), home)
  } catch (error) {
    if (error instanceof EngineUnavailableError) return false
    throw error
  }
}

/** Where the last start found Docker. */
async function dockerHostOf(home: string): Promise<string | undefined> {
  try {
    return parseEnv(await readFile(join(home, 'env'), 'utf8')).DOCKER_HOST
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
