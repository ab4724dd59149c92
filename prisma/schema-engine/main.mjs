#!/usr/bin/env node
// @ts-check
/**
 * Stands in for Prisma's native schema engine where that could not be downloaded: the same command line and the same
 * JSON-RPC over stdin and stdout, on Prisma's own WebAssembly engine of the same version. prisma.config.ts chooses it.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import { schemaAdapterFactory } from './adapter.mjs'
import { runCommand } from './command.mjs'

/** What Prisma is told when it did not say which database: `diff` between files connects to none. */
const NOWHERE = 'postgresql://offline.invalid/none'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    datamodels: { type: 'string', multiple: true, default: [] },
    datasource: { type: 'string', default: '{}' },
    'enabled-preview-features': { type: 'string' },
    'extension-types': { type: 'string' },
    version: { type: 'boolean' },
  },
})

/** @type {{ url?: string, shadowDatabaseUrl?: string }} */
const datasource = JSON.parse(values.datasource)
const [mode, command] = positionals

if (values.version) {
  const { enginesVersion } = createRequire(import.meta.url)('@prisma/engines-version')
  console.log(`schema-engine-wasm ${enginesVersion}`)
} else if (mode === 'cli' && command) {
  process.exitCode = await runCommand(command, datasource.url ?? NOWHERE)
} else {
  await serve(await openEngine())
}

/** @returns {Promise<import('@prisma/schema-engine-wasm').SchemaEngine>} */
async function openEngine() {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const script = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const module = await WebAssembly.compile(await readFile(script.replace(/\.js$/, '.wasm')))
  const { exports } = await WebAssembly.instantiate(module, { './schema_engine_bg.js': /** @type {any} */ (bindings) })
  bindings.__wbg_set_wasm(exports)
  const start = /** @type {() => void} */ (exports.__wbindgen_start)
  start()

  const files = await Promise.all(values.datamodels.map(async (path) => [path, await readFile(path, 'utf8')]))
  const adapter = bindMigrationAwareSqlAdapterFactory(
    schemaAdapterFactory(datasource.url ?? NOWHERE, datasource.shadowDatabaseUrl),
  )
  const options = /** @type {any} */ ({ datamodels: files.length > 0 ? files : undefined })
  return bindings.SchemaEngine.new(options, () => undefined, adapter)
}

/**
 * Answers requests, one JSON object per line, until stdin ends and the last one is answered.
 * @param {Record<string, Function>} engine
 */
async function serve(engine) {
  const answers = []
  for await (const line of createInterface({ input: process.stdin })) {
    const request = line.trim() ? JSON.parse(line) : {}
    if (request.method) answers.push(answer(engine, request))
  }
  await Promise.all(answers)
  process.exit()
}

/**
 * @param {Record<string, Function>} engine
 * @param {{ id: number, method: string, params: Record<string, unknown> }} request
 */
async function answer(engine, { id, method, params }) {
  try {
    send({ id, result: (await call(engine, method, params)) ?? null })
  } catch (error) {
    const { message, code, meta } = /** @type {Error & { code?: string, meta?: unknown }} */ (error)
    const data = { is_panic: error instanceof WebAssembly.RuntimeError, message, meta, error_code: code }
    send({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
  }
}

/**
 * The methods are the engine's own, but for names and nulls.
 * @param {Record<string, Function>} engine
 * @param {string} method
 * @param {Record<string, unknown>} params
 */
async function call(engine, method, params) {
  switch (method) {
    case 'createDatabase':
      // The command line asks for it by `cli create-database` before.
      return { databaseName: '' }
    case 'getDatabaseVersion':
      return engine.version(params)
    case 'introspect':
      return engine.introspect({ ...params, namespaces: params.namespaces ?? null })
    case 'diff': {
      const { exitCode, stdout } = await engine.diff({ ...params, exitCode: params.exitCode ?? null })
      if (stdout) send({ id: 1, method: 'print', params: { content: stdout } })
      return { exitCode }
    }
    default:
      return engine[method](params)
  }
}

/** @param {object} message */
function send(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}
