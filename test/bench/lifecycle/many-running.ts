/** An installation with many RUNNING notebooks: in the fake engine's process, and on record as the lifecycle would have put them. */
import { randomBytes, randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import pg from 'pg'
import type { ContainerEngine } from '../../../src/engine/port.ts'
import { type Database, openDatabase } from '../../../src/store/database.ts'
import { ensureInstallation, recordNode } from '../../../src/store/installation.ts'
import type { FakeParts } from '../../testkit/control-plane.ts'
import { startFakeEngine } from '../../testkit/fake-engine.ts'
import { startBenchPostgres } from '../frame/postgres.ts'
import type { Say } from '../main.ts'

const NODE = 'bench-node'
const CALLS_AT_ONCE = 16

export interface ManyRunning extends AsyncDisposable {
  /** What a control plane is given. */
  on: FakeParts
  engine: ContainerEngine
  database: Database
  sql: pg.Client
}

export async function manyRunning(count: number, say: Say): Promise<ManyRunning> {
  const postgres = await startBenchPostgres(say)
  const fake = await startFakeEngine()
  const database = openDatabase(postgres.url, 2)
  const sql = new pg.Client({ connectionString: postgres.url })
  await sql.connect()
  const installation = await ensureInstallation(database)
  const engine = fake.engineOf(installation, NODE)
  await recordNode(database, NODE, { cpus: 1_000_000, memoryBytes: 1_000_000 * 2 ** 32, gpus: [] })
  await putOnRecord(sql, await runAll(engine, installation, count))
  const on: FakeParts = {
    databaseUrl: postgres.url,
    socketPath: fake.socketPath,
    nodeId: NODE,
    encryptionKey: randomBytes(32).toString('base64'),
    workspaceBucket: 'notebooks_workspace',
  }
  return {
    on,
    engine,
    database,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end()
      await database.$disconnect()
      await fake[Symbol.asyncDispose]()
      await postgres[Symbol.asyncDispose]()
    },
  }
}

interface Made {
  notebook: string
  container: string
}

function runAll(engine: ContainerEngine, installation: string, count: number): Promise<Made[]> {
  const limit = pLimit(CALLS_AT_ONCE)
  return Promise.all(
    Array.from({ length: count }, () =>
      limit(async () => {
        const notebook = randomUUID()
        const container = await engine.create({
          identity: { installation, notebook, generation: 1, role: 'notebook' },
          image: 'jupyterlab-python',
          command: null,
          env: {},
          user: '42420:42420',
          cpus: 1,
          memoryBytes: 2 ** 32,
          shmBytes: null,
          network: 'notebooks',
          mounts: [{ volume: `workspace-${notebook}`, path: '/workspace', readOnly: false }],
          port: 8888,
          stdin: false,
          readOnlyRoot: false,
        })
        await engine.start(container)
        return { notebook, container }
      }),
    ),
  )
}

async function putOnRecord(sql: pg.Client, made: readonly Made[]): Promise<void> {
  const ids = [made.map(({ notebook }) => notebook), made.map(({ container }) => container)]
  const project = randomUUID()
  await sql.query(`INSERT INTO "Project" ("id", "name") VALUES ($1, 'many')`, [project])
  await sql.query(
    `INSERT INTO "Notebook" ("id", "projectId", "name", "editor", "framework", "frameworkVersion", "flavor", "units", "updatedAt",
       "state", "phase", "startedAt", "stopsAt", "dueAt", "generation", "nodeId", "heldMilliCpus", "heldMemoryBytes")
     SELECT made."notebook", $2, 'n', 'jupyterlab', 'python', '3.13', 'ai1-1-cpu', 1, now(),
       'RUNNING', NULL, now(), now() + interval '7 days', now() + interval '7 days', 1, '${NODE}', 1000, ${2 ** 32}
     FROM unnest($1::uuid[]) AS made("notebook")`,
    [ids[0], project],
  )
  await sql.query(
    `INSERT INTO "Container" ("id", "notebookId", "generation", "role", "purpose", "nodeId", "operation", "host", "port", "lastSeenAliveAt")
     SELECT made."container", made."notebook", 1, 'NOTEBOOK', 'RUN', '${NODE}', gen_random_uuid(), '127.0.0.1', 1, now()
     FROM unnest($1::uuid[], $2::text[]) AS made("notebook", "container")`,
    ids,
  )
  await sql.query(
    `INSERT INTO "LocalCopy" ("notebookId", "target", "nodeId", "engineVolume", "written", "writtenSince")
     SELECT made."notebook", 'workspace', '${NODE}', 'workspace-' || made."notebook", true, now() FROM unnest($1::uuid[]) AS made("notebook")`,
    [ids[0]],
  )
  await sql.query(
    `INSERT INTO "BillingPeriod" ("id", "projectId", "notebookId", "nodeId", "generation", "startedAt", "flavor", "units", "pricePerHourMicros", "currency")
     SELECT gen_random_uuid(), $2, made."notebook", '${NODE}', 1, now(), 'ai1-1-cpu', 1, 30000, 'EUR' FROM unnest($1::uuid[]) AS made("notebook")`,
    [ids[0], project],
  )
  // What a database does by itself, a minute after so many rows came.
  await sql.query('VACUUM ANALYZE')
}
