/**
 * The API on a database of its own, without ports: users with tokens, projects, and a shortcut to any place of a notebook's
 * life. Nothing reconciles here, so a notebook stays where it is put.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Logger, pino } from 'pino'
import { authenticate, hashToken, makeToken, type Viewer } from '../../src/access/tokens.ts'
import { Vault } from '../../src/access/vault.ts'
import { createGraphqlApi, type GraphqlApi } from '../../src/api/yoga.ts'
import { type Catalogue, parseCatalogue } from '../../src/domain/catalogue.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { decodeId, encodeId } from '../../src/domain/ids.ts'
import type { Phase, Reason, State } from '../../src/domain/lifecycle.ts'
import { Hub } from '../../src/events/hub.ts'
import { EventStreams } from '../../src/events/streams.ts'
import type { Role } from '../../src/generated/prisma/client.ts'
import type { Database } from '../../src/store/database.ts'
import { recordNode } from '../../src/store/installation.ts'
import { listen } from '../../src/store/listen.ts'
import { type Change, changeNotebook } from '../../src/store/notebooks.ts'
import { freshDatabase } from '../testkit/database.ts'
import { viewerFor } from '../testkit/viewer.ts'

export const NODE = 'node-1'
export const GATEWAY_DOMAIN = 'notebooks.localhost:4000'

const catalogue: Catalogue = parseCatalogue(
  readFileSync(new URL('../../images/catalogue.json', import.meta.url), 'utf8'),
)

export interface User {
  id: string
  token: string
  viewer: Viewer
}

export interface Answer<Data> {
  status: number
  data: Data
  errors: { message: string; path?: string[]; extensions: Record<string, unknown> }[]
}

/** A replica of the control plane: its own hub and listener on the shared database. */
async function replica(database: Database, url: string, vault: Vault, log: Logger) {
  const hub = new Hub({ database, clock: systemClock, log })
  const ears = listen({ url, clock: systemClock, log }, { cahier_events: (id) => hub.wake(id) })
  hub.start()
  await ears.ready
  const streams = new EventStreams({ database, hub, clock: systemClock })
  const publicUrl = 'http://localhost:4000'
  const parts = { database, catalogue, vault, clock: systemClock, streams, publicUrl, gatewayDomain: GATEWAY_DOMAIN }
  return {
    parts,
    hub,
    api: createGraphqlApi(parts, { origins: [publicUrl], log }),
    async close() {
      await ears.close()
      await hub.close()
    },
  }
}

export type World = Awaited<ReturnType<typeof world>>

export async function world() {
  const fresh = await freshDatabase()
  const { database, url } = fresh
  await recordNode(database, NODE, { cpus: 64, memoryBytes: 256 * 2 ** 30, gpus: [] })
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'warn' }, { write: (line) => logged.push(JSON.parse(line)) })
  const vault = new Vault(randomBytes(32))
  const first = await replica(database, url, vault, log)
  const others: { close(): Promise<void> }[] = []

  return {
    ...first,
    database,
    url,
    catalogue,
    vault,
    log,
    /** What was logged as a warning or worse. */
    logged,
    user: (name?: string) => makeUser(database, name),
    /** Who comes with that token. */
    async viewerOf(token: string): Promise<Viewer> {
      const viewer = await authenticate(database, `Bearer ${token}`)
      if (!viewer) throw new Error('The token is not valid')
      return viewer
    },
    as: (user: User | null) => client(first.api, user),
    async anotherReplica() {
      const other = await replica(database, url, vault, log)
      others.push(other)
      return other
    },
    /** A project and its owner. */
    async tenant() {
      const owner = await makeUser(database)
      const project = await database.project.create({
        data: { name: 'Lab', members: { create: { userId: owner.id, role: 'OWNER' } } },
      })
      return { owner, projectId: encodeId('Project', project.id), projectUuid: project.id }
    },
    async join(projectId: string, role: Role) {
      const user = await makeUser(database)
      await database.member.create({ data: { userId: user.id, projectId: uuidOf(projectId), role } })
      return user
    },
    async dataStore(projectId: string, name = `store-${randomUUID().slice(0, 8)}`) {
      const { id } = await database.dataStore.create({
        data: {
          projectId: uuidOf(projectId),
          name,
          endpoint: 'https://s3.example.com',
          region: 'eu-west-1',
          pathStyle: true,
          credentials: vault.seal('{}', 'unused') as Uint8Array<ArrayBuffer>,
        },
      })
      return encodeId('DataStore', id)
    },
    /** One step of a notebook, as the reconciler would take it. */
    change: (notebookId: string, change: Change) => changeNotebook(database, uuidOf(notebookId), null, () => change),
    move: (notebookId: string, state: State, phase: Phase | null = null, reason: Reason | null = null) =>
      changeNotebook(database, uuidOf(notebookId), null, () => ({ to: { state, phase, reason } })),
    /** The whole way from STARTING, QUEUED. */
    async run(notebookId: string) {
      await walk(database, uuidOf(notebookId), WAY_UP)
    },
    async stop(notebookId: string) {
      await walk(database, uuidOf(notebookId), WAY_DOWN)
      await database.notebook.update({ where: { id: uuidOf(notebookId) }, data: NOTHING_HELD })
    },
    /** From STARTING to gone. */
    async remove(notebookId: string) {
      const id = uuidOf(notebookId)
      await walk(database, id, [
        ['STOPPING', 'STOPPING_CONTAINER'],
        ['STOPPED', null],
        ['DELETING', 'REMOVING'],
      ])
      await changeNotebook(database, id, null, (_notebook, _tx, at) => ({
        set: { deletedAt: at },
        events: [{ type: 'NotebookDeleted' }],
      }))
    },
    async [Symbol.asyncDispose]() {
      for (const each of [first, ...others]) await each.close()
      await fresh[Symbol.asyncDispose]()
    },
  }
}

const NOTHING_HELD = { heldMilliCpus: 0, heldMemoryBytes: 0n, heldGpus: 0 }

const WAY_UP: [State, Phase | null][] = [
  ['STARTING', 'PULLING_DATA'],
  ['STARTING', 'ALLOCATING'],
  ['STARTING', 'PULLING_IMAGE'],
  ['STARTING', 'STARTING_CONTAINER'],
  ['RUNNING', null],
]

const WAY_DOWN: [State, Phase | null][] = [
  ['STOPPING', 'STOPPING_CONTAINER'],
  ['STOPPING', 'SAVING_WORKSPACE'],
  ['STOPPING', 'PUSHING_DATA'],
  ['STOPPED', null],
]

async function walk(database: Database, id: string, way: readonly [State, Phase | null][]): Promise<void> {
  for (const [state, phase] of way) await changeNotebook(database, id, null, () => ({ to: { state, phase } }))
}

export function uuidOf(id: string): string {
  const uuid = decodeId('Notebook', id) ?? decodeId('Project', id) ?? decodeId('DataStore', id)
  if (!uuid) throw new Error(`${id} is no id`)
  return uuid
}

async function makeUser(database: Database, name = `user-${randomUUID()}`): Promise<User> {
  const token = makeToken()
  const expiresAt = new Date(Date.now() + 3_600_000)
  const user = await database.user.create({
    data: { name, tokens: { create: { name: 'test', hash: hashToken(token), expiresAt } } },
    include: { tokens: true },
  })
  const tokenId = user.tokens[0]?.id ?? ''
  return { id: user.id, token, viewer: { ...viewerFor(user), tokenId, expiresAt } }
}

/** Asks the API as a user; null comes without a token. */
export function client(api: GraphqlApi, user: User | null) {
  return async <Data>(query: string, variables: object = {}): Promise<Answer<Data>> => {
    const response = await api.fetch('http://localhost:4000/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(user ? { authorization: `Bearer ${user.token}` } : {}) },
      body: JSON.stringify({ query, variables }),
    })
    const { data, errors = [] } = (await response.json()) as Answer<Data>
    return { status: response.status, data, errors }
  }
}
