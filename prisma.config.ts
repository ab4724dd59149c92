/** For Prisma's command line only; the server reads src/config.ts. */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'prisma/config'

// Where the native engine could not be downloaded, Prisma's WebAssembly engine stands in for it.
const { resolve } = createRequire(createRequire(import.meta.url).resolve('prisma/package.json'))
const engines = dirname(resolve('@prisma/engines/package.json'))
if (!existsSync(engines) || !readdirSync(engines).some((file) => file.startsWith('schema-engine-')))
  process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= fileURLToPath(new URL('prisma/schema-engine/main.mjs', import.meta.url))

const url = process.env.DATABASE_URL

export default defineConfig({
  schema: join('prisma', 'schema.prisma'),
  migrations: { path: join('prisma', 'migrations') },
  ...(url && { datasource: { url } }),
})
