import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeEnvFile } from './env-file.ts'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cahier-env-'))
})

afterEach(() => rmSync(home, { recursive: true }))

const addresses = {
  databaseUrl: 'postgresql://cahier@localhost/cahier?host=%2Frun%2Fcahier-12345678%2Fpostgres&application_name=a$b',
  dockerHost: 'unix:///var/run/docker.sock',
  objectStore: {
    endpoint: 'http://172.18.0.1:9000',
    region: 'us-east-1',
    accessKey: 'key',
    secretKey: 'se#cret "x" `y`',
  },
  workspaceBucket: 'notebooks_workspace',
}

const variables = {
  DATABASE_URL: addresses.databaseUrl,
  DOCKER_HOST: 'unix:///var/run/docker.sock',
  S3_ENDPOINT: 'http://172.18.0.1:9000',
  S3_REGION: 'us-east-1',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'se#cret "x" `y`',
  WORKSPACE_BUCKET: 'notebooks_workspace',
}

test('dotenv readers and the shell find the same values', async () => {
  const file = await writeEnvFile(home, addresses)
  expect({ ...parseEnv(readFileSync(file, 'utf8')) }).toEqual(variables)
  const script = `set -a; . "${file}"; exec env -0`
  const seen = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0')
  expect(seen).toEqual(expect.arrayContaining(Object.entries(variables).map(([name, value]) => `${name}=${value}`)))
})

test('nobody else may read it, also when it replaces a file that was open to all', async () => {
  writeFileSync(join(home, 'env'), 'OLD=1', { mode: 0o644 })
  const file = await writeEnvFile(home, addresses)
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('it is replaced whole, and nothing else is left beside it', async () => {
  await writeEnvFile(home, addresses)
  await writeEnvFile(home, { ...addresses, dockerHost: 'tcp://docker:2375' })
  expect(readdirSync(home)).toEqual(['env'])
  expect(parseEnv(readFileSync(join(home, 'env'), 'utf8')).DOCKER_HOST).toBe('tcp://docker:2375')
})
