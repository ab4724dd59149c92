/**
 * `$CAHIER_HOME/env`: where the embedded parts are, in dotenv format, so that psql, docker and any S3 tool can look inside.
 * It holds secrets: nobody else may read it, and a reader finds the old file or the new one, never half of one.
 */
import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectStoreAddress } from '../config.ts'

export interface PartAddresses {
  databaseUrl: string
  dockerHost: string
  objectStore: ObjectStoreAddress
  workspaceBucket: string
}

/** Answers the file's path. */
export async function writeEnvFile(
  home: string,
  { databaseUrl, dockerHost, objectStore, workspaceBucket }: PartAddresses,
): Promise<string> {
  const variables = {
    DATABASE_URL: databaseUrl,
    DOCKER_HOST: dockerHost,
    S3_ENDPOINT: objectStore.endpoint,
    S3_REGION: objectStore.region,
    S3_ACCESS_KEY: objectStore.accessKey,
    S3_SECRET_KEY: objectStore.secretKey,
    WORKSPACE_BUCKET: workspaceBucket,
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}\n`)
  const file = join(home, 'env')
  await writePrivately(file, lines.join(''))
  return file
}

/** A form that dotenv, Node and the shell read alike. */
function quoted(value: string): string {
  if (/^[\w:/.@%+=-]*$/.test(value)) return value
  if (!value.includes("'")) return `'${value}'`
  throw new Error('a value with a single quote has no form that all readers of env files agree on')
}

/** Writes a file that only we may read, aside first and then by rename. */
export async function writePrivately(file: string, content: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  await writeFile(aside, content, { mode: 0o600, flush: true })
  await rename(aside, file)
}
