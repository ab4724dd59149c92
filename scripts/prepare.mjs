// @ts-check
/**
 * Makes a clone ready to run, before `npm start`, `npm test` and the like: installs the packages and generates the database
 * client, where they are missing or older than what they are made from. Runs on the machine's own Node, before there is
 * any package, and so imports nothing but Node itself.
 */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 20

/** Of what a program that failed said; npm explains itself at length. */
const LINES_SHOWN = 20

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PROGRAMS = join(ROOT, 'node_modules', '.bin')

const LOCK = 'package-lock.json'
/** npm writes it at the end of every installation. */
const INSTALLED = 'node_modules/.package-lock.json'

const SCHEMA = 'prisma/schema.prisma'
const GENERATED = ['src/generated/prisma/client.ts', 'src/generated/pothos.ts']

/**
 * When a file of the clone was last written, in milliseconds.
 * @param {string} file
 * @returns {number} 0 when there is none
 */
function writtenAt(file) {
  return statSync(join(ROOT, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/**
 * Runs a program in the clone, and ends this one with a sentence when it fails.
 * @param {string} doing what people are told it does
 * @param {string} program
 * @param {string[]} args
 */
function run(doing, program, args) {
  console.log(`${doing} (${program} ${args[0]}).`)
  const env = { ...process.env, PATH: `${PROGRAMS}${delimiter}${process.env.PATH}` }
  const { error, status, stdout, stderr } = spawnSync(program, args, { cwd: ROOT, env, encoding: 'utf8' })
  if (status === 0) return
  const said = `${stdout}${stderr}`.trim().split('\n').slice(0, LINES_SHOWN).join('\n')
  fail(`${doing} failed: ${error ? error.message : `it ended with ${status} and said:\n${said}`}`)
}

/**
 * @param {string} sentence
 * @returns {never}
 */
function fail(sentence) {
  console.error(sentence)
  process.exit(1)
}

if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
  fail(`Node ${OLDEST_NODE} or newer is needed to begin with; this is ${process.version}.`)

const outdated = writtenAt(INSTALLED) < writtenAt(LOCK)
if (outdated) run('Installing packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])

// Another version of the generator may generate another client.
if (outdated || GENERATED.some((file) => writtenAt(file) < writtenAt(SCHEMA)))
  run('Generating the database client', 'prisma', ['generate'])
