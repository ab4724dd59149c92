/** What is generated and committed is what the code of today generates. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { freshDatabase } from '../testkit/database.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

test('the generated part of the SDK is that of the schema and its operations; "npm run schema" writes it', async () => {
  await run('npx', ['graphql-codegen', '--config', 'codegen.ts', '--check'], { cwd: ROOT })
}, 60_000)

test('the migrations lead to the schema of the database', async () => {
  await using fresh = await freshDatabase()
  const diff = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma', '--script']
  const { stdout } = await run('npx', ['prisma', ...diff], {
    cwd: ROOT,
    env: { ...process.env, DATABASE_URL: fresh.url },
  })
  expect(stdout.trim()).toBe('-- This is an empty migration.')
}, 60_000)
