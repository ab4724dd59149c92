// @ts-check
/**
 * How the WebAssembly engine reaches PostgreSQL: Prisma's own adapter, with what the schema engine needs and the adapter,
 * made for applications, lacks: the type "char" of the system tables, and scripts run whole.
 */
import { randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import pg from 'pg'

const CHAR = 18
const TEXT = 25

/** @typedef {import('@prisma/driver-adapter-utils').SqlMigrationAwareDriverAdapterFactory} AdapterFactory */
/** @typedef {Awaited<ReturnType<PrismaPg['connect']>>} Adapter */

/**
 * @param {string} url
 * @param {string | undefined} shadowUrl a database to try migrations on; without it one is made for each trial
 * @returns {AdapterFactory}
 */
export function schemaAdapterFactory(url, shadowUrl) {
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => connect(url),
    connectToShadowDb: () => (shadowUrl ? connect(shadowUrl) : connectToNewDatabase(url)),
  }
}

/**
 * @param {string} url
 * @returns {Promise<Adapter>}
 */
async function connect(url) {
  const { searchParams } = new URL(url)
  const schema = searchParams.get('schema') ?? undefined
  const pool = new SchemaPool({ connectionString: url, max: 1 })
  const adapter = await new PrismaPg(pool, { schema, disposeExternalPool: true }).connect()
  const queryRaw = adapter.queryRaw.bind(adapter)
  return Object.assign(adapter, {
    /** @param {import('@prisma/driver-adapter-utils').SqlQuery} query */
    async queryRaw(query) {
      const result = await queryRaw(query)
      for (const column of pool.charColumns.get(result.rows) ?? [])
        result.columnTypes[column] = ColumnTypeEnum.Character
      return result
    },
    /**
     * In one message, which PostgreSQL runs as one transaction; the adapter would cut function bodies at their semicolons.
     * @param {string} script
     */
    async executeScript(script) {
      await adapter.executeRaw({ sql: script, args: [], argTypes: [] })
    },
  })
}

/**
 * @param {string} url
 * @returns {Promise<Adapter>} on a database that is dropped when the adapter is disposed of
 */
async function connectToNewDatabase(url) {
  const name = `prisma_migrate_shadow_db_${randomUUID()}`
  const maintenance = await connect(url)
  await maintenance.executeScript(`CREATE DATABASE "${name}"`)
  const shadow = new URL(url)
  shadow.pathname = `/${name}`
  const adapter = await connect(shadow.href)
  const dispose = adapter.dispose.bind(adapter)
  return Object.assign(adapter, {
    async dispose() {
      await dispose()
      await maintenance.executeScript(`DROP DATABASE IF EXISTS "${name}"`)
      await maintenance.dispose()
    },
  })
}

/** Passes "char", which the adapter does not know, off as text, and remembers in which columns. */
class SchemaPool extends pg.Pool {
  /** @type {WeakMap<object, number[]>} */
  charColumns = new WeakMap()

  /**
   * @param {any} query
   * @returns {Promise<any>}
   */
  async query(query) {
    const result = await super.query(query)
    const columns = []
    for (const [column, field] of (result.fields ?? []).entries())
      if (field.dataTypeID === CHAR) {
        field.dataTypeID = TEXT
        columns.push(column)
      }
    if (columns.length > 0) this.charColumns.set(result.rows, columns)
    return result
  }
}
