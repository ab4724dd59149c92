/**
 * Users who wish at random what the API lets them wish, through whichever control plane answers, and whose notebooks write
 * files. What is refused, or does not arrive, is counted and nothing more: only the invariants judge.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { TypedDocumentNode } from '@graphql-typed-document-node/core'
import { encodeId } from '../../src/domain/ids.ts'
import { isSettled, type State } from '../../src/domain/lifecycle.ts'
import type { Notebook } from '../../src/generated/prisma/client.ts'
import { createClient } from '../../src/sdk/client.ts'
import { RefusedError, unwrap } from '../../src/sdk/errors.ts'
import {
  CreateDataStoreDocument,
  CreateNotebookDocument,
  CreateProjectDocument,
  DeleteNotebookDocument,
  RestartNotebookDocument,
  RetryNotebookSyncDocument,
  StartNotebookDocument,
  StopNotebookDocument,
} from '../../src/sdk/generated/operations.ts'
import { LIGHT } from '../testkit/light-catalogue.ts'
import { LightNotebook } from '../testkit/light-notebook.ts'
import type { Chance } from './chance.ts'
import type { Scene } from './disturbances.ts'
import type { Ledger } from './ledger.ts'
import { WORKSPACES } from './parts.ts'
import { kindOf, type Tally } from './tally.ts'

const REQUEST_MS = 30_000
const WRITE_MS = 30_000
const LARGEST_FILE = 64 * 2 ** 10

/** A notebook's volume, in the store of the users. */
const MOUNT = '/workspace/data'

export interface Crowd {
  scene: Scene
  ledger: Ledger
  tally: Tally
  project: { id: string; dataStoreId: string }
}

/** Asks a control plane that is up. Throws when none is, when it does not answer, and what it refuses. */
async function ask<Data, Variables>(
  { scene: { replicas } }: Pick<Crowd, 'scene'>,
  chance: Chance,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const cahier = chance.one(replicas.map((replica) => replica.cahier).filter((each) => each !== null))
  if (!cahier) throw new Error('No control plane is up')
  return createClient(cahier).request(document, variables, AbortSignal.timeout(REQUEST_MS))
}

/** The project in which all happens. */
export async function makeProject(scene: Scene, chance: Chance): Promise<Crowd['project']> {
  const made = await ask({ scene }, chance, CreateProjectDocument, { input: { name: 'chaos' } })
  const { id } = unwrap(made.createProject)
  const { store, usersWay } = scene.parts
  const input = {
    projectId: id,
    name: 'users',
    endpoint: usersWay.endpoint,
    region: store.region,
    accessKeyId: store.accessKey,
    secretAccessKey: store.secretKey,
  }
  const { id: dataStoreId } = unwrap((await ask({ scene }, chance, CreateDataStoreDocument, { input })).createDataStore)
  return { id, dataStoreId }
}

interface User {
  notebookId: string | null
  /** The state of passage that they have made up their mind about. */
  decidedIn: State | null
}

/** One user with one notebook at a time, until the signal aborts. */
export async function useNotebooks(crowd: Crowd, chance: Chance, signal: AbortSignal): Promise<void> {
  const user: User = { notebookId: null, decidedIn: null }
  while (!signal.aborted) {
    await delay(1000 * chance.between(0.3, 5), undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    try {
      await act(crowd, chance, user)
    } catch (error) {
      const refused = error instanceof RefusedError ? `refused: ${error.refusal.code}` : kindOf(error)
      crowd.tally.count(`a user met ${refused}`)
    }
  }
}

/** A notebook on its way is interfered with once at most, so that a slow machine gets as many of them to RUNNING as a fast one. */
async function act(crowd: Crowd, chance: Chance, user: User): Promise<void> {
  const { database } = crowd.scene.parts
  const { notebookId } = user
  const notebook = notebookId && (await database.notebook.findUnique({ where: { id: notebookId } }))
  if (!notebook || notebook.deletedAt) {
    user.notebookId = await create(crowd, chance)
    return
  }
  const { state } = notebook
  if (user.decidedIn === state) return
  user.decidedIn = state === 'RUNNING' || isSettled(state) ? null : state
  const wish = chance.weighted(WISHES[state])
  if (wish === 'wait') return
  await ACTS[wish](crowd, chance, notebook)
  crowd.tally.count(`users: ${wish} in ${state}`)
}

async function create(crowd: Crowd, chance: Chance): Promise<string> {
  const { project, scene } = crowd
  const bucket = `volume-${randomBytes(6).toString('hex')}`
  const permission = chance.one(['RW', 'RWD'] as const) ?? 'RW'
  const volumes = [{ bucket: { dataStoreId: project.dataStoreId, bucket }, mountPath: MOUNT, permission }]
  const idempotencyKey = randomBytes(8).toString('hex')
  const input = { ...LIGHT, projectId: project.id, volumes, idempotencyKey }
  const { uuid } = unwrap((await ask({ scene }, chance, CreateNotebookDocument, { input })).createNotebook)
  crowd.tally.count('users: create')
  return uuid
}

type Act = (crowd: Crowd, chance: Chance, notebook: Notebook) => Promise<unknown>

const input = ({ id }: Notebook) => ({ input: { notebookId: encodeId('Notebook', id) } })

const ACTS = {
  start: async (crowd, chance, notebook) =>
    unwrap((await ask(crowd, chance, StartNotebookDocument, input(notebook))).startNotebook),
  stop: async (crowd, chance, notebook) =>
    unwrap((await ask(crowd, chance, StopNotebookDocument, input(notebook))).stopNotebook),
  restart: async (crowd, chance, notebook) =>
    unwrap((await ask(crowd, chance, RestartNotebookDocument, input(notebook))).restartNotebook),
  retry: async (crowd, chance, notebook) =>
    unwrap((await ask(crowd, chance, RetryNotebookSyncDocument, input(notebook))).retryNotebookSync),
  delete: async (crowd, chance, notebook) =>
    unwrap(
      (await ask(crowd, chance, DeleteNotebookDocument, { input: { ...input(notebook).input, force: true } }))
        .deleteNotebook,
    ),
  write,
  'exit 0': async ({ scene }, _, { id }) => (await LightNotebook.of(scene.parts.docker, id)).exit(0),
  'exit 3': async ({ scene }, _, { id }) => (await LightNotebook.of(scene.parts.docker, id)).exit(3),
  'use up the memory': async ({ scene }, _, { id }) => (await LightNotebook.of(scene.parts.docker, id)).exhaustMemory(),
} as const satisfies Readonly<Record<string, Act>>

const WISHES: Readonly<Record<State, Readonly<Partial<Record<keyof typeof ACTS | 'wait', number>>>>> = {
  STARTING: { wait: 12, stop: 2, delete: 1 },
  RUNNING: { write: 12, wait: 4, stop: 4, restart: 2, delete: 1, 'exit 0': 1, 'exit 3': 1, 'use up the memory': 1 },
  STOPPING: { wait: 8, stop: 1, delete: 1 },
  STOPPED: { start: 8, wait: 2, delete: 1 },
  FAILED: { start: 3, retry: 3, wait: 1, delete: 1 },
  ERROR: { start: 3, retry: 3, wait: 1, delete: 1 },
  DELETING: { wait: 1 },
}

/** One file in the workspace and one in the volume; they count once the notebook says that they are on its disk. */
async function write(crowd: Crowd, chance: Chance, { id }: Notebook): Promise<void> {
  const { database, docker } = crowd.scene.parts
  const { bucket } = await database.volume.findFirstOrThrow({ where: { notebookId: id } })
  const notebook = await LightNotebook.of(docker, id)
  for (const place of [
    { folder: '/workspace', bucket: WORKSPACES, prefix: `${id}/` },
    { folder: MOUNT, bucket, prefix: '' },
  ]) {
    const { name, content } = crowd.ledger.make(chance.between(0, LARGEST_FILE))
    const written = notebook.write(`${place.folder}/${name}`, content)
    if (!(await withinTime(written))) throw new Error('The notebook did not answer')
    crowd.ledger.enter(id, place.bucket, `${place.prefix}${name}`, content)
  }
}

/** False when it takes too long; what it then still does is of no consequence. */
async function withinTime(work: Promise<unknown>): Promise<boolean> {
  const limit = new AbortController()
  const late = delay(WRITE_MS, false, { signal: limit.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    limit.abort()
    work.catch(() => undefined)
  }
}

/**
 * Wishes that everything comes to rest with everything saved. Answers sentences about what does not, once nothing of it has
 * got to where it had not been before for that long.
 */
export async function comeToRest(
  crowd: Crowd,
  chance: Chance,
  patienceSeconds: number,
  signal: AbortSignal,
): Promise<string[]> {
  const { database } = crowd.scene.parts
  const reached = new Set<string>()
  let limit = 0
  for (;;) {
    signal.throwIfAborted()
    const restless = await database.notebook.findMany({
      where: {
        deletedAt: null,
        OR: [{ state: { notIn: ['STOPPED', 'FAILED', 'ERROR'] } }, { localCopies: { some: {} } }],
      },
      include: { localCopies: true, _count: { select: { syncs: { where: { state: 'DONE' } } } } },
    })
    if (restless.length === 0) return []
    const before = reached.size
    for (const { id, state, phase, localCopies, _count } of restless)
      reached.add([id, state, phase, localCopies.length, _count.syncs].join())
    if (reached.size > before) limit = performance.now() + patienceSeconds * 1000
    if (performance.now() > limit)
      return restless.map(({ id, state, phase, message }) => `Notebook ${id} is still ${state} ${phase}: ${message}.`)
    for (const notebook of restless) {
      const act = isSettled(notebook.state) ? 'retry' : 'stop'
      if (act === 'stop' && notebook.state !== 'STARTING' && notebook.state !== 'RUNNING') continue
      await ACTS[act](crowd, chance, notebook).catch((error: unknown) =>
        crowd.tally.count(`at the end, ${act} met ${kindOf(error)}`),
      )
    }
    await delay(1000)
  }
}
