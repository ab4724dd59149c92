/**
 * Ours under load: a control-plane process on a Postgres that is configured as `npm start` does it, driven as a frontend
 * would: by GraphQL over HTTP, and by the events that say when a notebook runs.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pLimit from 'p-limit'
import pg from 'pg'
import { createClient } from '../../../src/sdk/client.ts'
import { unwrap } from '../../../src/sdk/errors.ts'
import {
  CreateNotebookDocument,
  CreateProjectDocument,
  DeleteNotebookDocument,
} from '../../../src/sdk/generated/operations.ts'
import { freePort } from '../../testkit/cahier.ts'
import { startProgram } from '../frame/program.ts'
import type { ControlPlane } from './load.ts'

const DELETED_AT_ONCE = 10
const PROGRAM = fileURLToPath(new URL('./control-plane.ts', import.meta.url))

export interface CahierOptions {
  databaseUrl: string
  home: string
  editorPort: number
  /** Among how many projects the notebooks are spread. */
  projects: number
}

export async function startCahierPlane(options: CahierOptions): Promise<ControlPlane> {
  const { databaseUrl, home, editorPort } = options
  const port = await freePort()
  const program = await startProgram(
    [process.execPath, ...process.execArgv, ...(process.env.BENCH_NODE_ARGS?.split(' ') ?? []), PROGRAM],
    {
      DATABASE_URL: databaseUrl,
      CAHIER_HOME: home,
      PORT: String(port),
      BENCH_EDITOR_PORT: String(editorPort),
      LOG_LEVEL: 'error',
    },
    (line) => line === 'ready',
  )
  const token = await readFile(join(home, 'admin-token'), 'utf8')
  const client = createClient({ url: `http://127.0.0.1:${port}`, token })
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  const projects: string[] = []
  const ended = new AbortController()
  const waiting = new Map<string, { runs: PromiseWithResolvers<void>; gone: PromiseWithResolvers<void> }>()
  const ofNotebook = (id: string) => {
    const known = waiting.get(id)
    if (known) return known
    const fresh = { runs: Promise.withResolvers<void>(), gone: Promise.withResolvers<void>() }
    waiting.set(id, fresh)
    return fresh
  }
  const watch = async (projectId: string) => {
    for await (const item of client.projectEvents(projectId, { signal: ended.signal })) {
      if (item.__typename === 'StateChanged' && item.to === 'RUNNING') ofNotebook(item.notebookId).runs.resolve()
      if (item.__typename === 'StateChanged' && (item.to === 'FAILED' || item.to === 'ERROR'))
        ofNotebook(item.notebookId).runs.reject(new Error(`A notebook ended in ${item.to}: ${item.message}`))
      if (item.__typename === 'NotebookDeleted') ofNotebook(item.notebookId).gone.resolve()
    }
  }
  for (let index = 0; index < options.projects; index++) {
    const { id } = unwrap((await client.request(CreateProjectDocument, { input: { name: `p${index}` } })).createProject)
    projects.push(id)
    void watch(id)
  }
  await database.query('UPDATE "Project" SET "maxVcpus" = 1000000')
  let launched: string[] = []
  return {
    name: 'Cahier',
    async launch(index) {
      const projectId = projects[index % projects.length] as string
      const input = { projectId, editor: 'jupyterlab', framework: 'python', flavor: 'ai1-1-cpu' }
      const { id } = unwrap((await client.request(CreateNotebookDocument, { input })).createNotebook)
      launched.push(id)
      await ofNotebook(id).runs.promise
      return { refusals: 0 }
    },
    async running() {
      const { rows } = await database.query(`SELECT count(*)::int AS n FROM "Notebook" WHERE "state" = 'RUNNING'`)
      return rows[0].n
    },
    async clear() {
      const limit = pLimit(DELETED_AT_ONCE)
      const forget = async (notebookId: string) =>
        unwrap((await client.request(DeleteNotebookDocument, { input: { notebookId, force: true } })).deleteNotebook)
      await Promise.all(launched.map((id) => limit(() => forget(id))))
      await Promise.all(launched.map((id) => ofNotebook(id).gone.promise))
      waiting.clear()
      launched = []
    },
    async [Symbol.asyncDispose]() {
      ended.abort()
      await client.close()
      await database.end()
      await program.end('SIGKILL')
    },
  }
}
