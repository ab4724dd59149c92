// @ts-check
/** What the native engine does by `cli <command>`: looks for, makes or drops a database, and reports on stderr as Prisma expects it. */
import pg from 'pg'

/** Prisma's codes for PostgreSQL's. */
const CODES = /** @type {Record<string, string>} */ ({
  '3D000': 'P1003',
  '28P01': 'P1000',
  28000: 'P1000',
  '42P04': 'P1009',
})
const UNREACHABLE = 'P1001'

/**
 * @param {string} command
 * @param {string} url
 * @returns {Promise<number>} the exit code
 */
export async function runCommand(command, url) {
  const database = decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
  const name = pg.escapeIdentifier(database)
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  try {
    switch (command) {
      case 'can-connect-to-database':
        await query(url, 'SELECT 1')
        break
      case 'create-database':
        await query(maintenance.href, `CREATE DATABASE ${name}`)
        break
      case 'drop-database':
        await query(maintenance.href, `DROP DATABASE ${name} WITH (FORCE)`)
        break
      default:
        throw new Error(`There is no command ${command}.`)
    }
    report('INFO', { message: `${command}: ${database}` })
    return 0
  } catch (error) {
    const { message, code = '' } = /** @type {Error & { code?: string }} */ (error)
    report('ERROR', { message, error_code: CODES[code] ?? UNREACHABLE, is_panic: false })
    return 1
  }
}

/**
 * @param {string} connectionString
 * @param {string} sql
 */
async function query(connectionString, sql) {
  const client = new pg.Client({ connectionString })
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/**
 * @param {'INFO' | 'ERROR'} level
 * @param {object} fields
 */
function report(level, fields) {
  const line = { timestamp: new Date().toISOString(), level, fields, target: 'schema_engine::logger' }
  process.stderr.write(`\n${JSON.stringify(line)}`)
}
