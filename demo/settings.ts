/** Where the running Cahier is: the same variables as the server's, and the files it left in CAHIER_HOME. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { StoreAddress } from './buckets.ts'

export interface Settings {
  url: string
  token: string
  store: StoreAddress
  workspaceBucket: string
}

/** Throws an Error with a sentence when no Cahier has run there. */
export async function readSettings(): Promise<Settings> {
  const { CAHIER_HOME = '.cahier', PORT = '4000' } = process.env
  const home = resolve(CAHIER_HOME)
  const parts = parseEnv(await read(join(home, 'env')))
  const part = (name: string): string => {
    const value = parts[name]
    if (!value) throw new Error(`${join(home, 'env')} does not say ${name}: start Cahier again.`)
    return value
  }
  return {
    url: `http://127.0.0.1:${PORT}`,
    token: (await read(join(home, 'admin-token'))).trim(),
    store: {
      endpoint: part('S3_ENDPOINT'),
      region: part('S3_REGION'),
      accessKey: part('S3_ACCESS_KEY'),
      secretKey: part('S3_SECRET_KEY'),
    },
    workspaceBucket: part('WORKSPACE_BUCKET'),
  }
}

function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`${file} cannot be read: run "npm start" first, with the same CAHIER_HOME.`, { cause })
  })
}
