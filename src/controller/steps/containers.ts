/**
 * The engine protocol: a container is made inert, put on record under the lease, and only then started by its id. Here is
 * its making and its removal, for notebooks and movers alike.
 */
import { randomUUID } from 'node:crypto'
import type { MoverPurpose } from '../../domain/next-step.ts'
import {
  type ContainerEngine,
  type ContainerSpec,
  type Identity,
  NameTakenError,
  type VolumeMount,
} from '../../engine/port.ts'
import { MOVER_PATHS } from '../../mover/protocol.ts'
import type { Change } from '../../store/notebooks.ts'
import { inserting } from '../../store/rows.ts'
import type { ContainerRecord, CopyRecord } from '../observe.ts'
import type { StepContext } from './context.ts'

/** Whom the files in a notebook belong to, and as whom notebooks and movers run. */
export const NOTEBOOK_USER = '42420:42420'

const MOVER_MEMORY_BYTES = 512 * 2 ** 20

/** What every mover is made from; its plan comes on stdin. */
export function moverSpec(mounts: VolumeMount[]): Omit<ContainerSpec, 'identity'> {
  return {
    image: 'mover',
    command: null,
    env: {},
    user: NOTEBOOK_USER,
    cpus: 1,
    memoryBytes: MOVER_MEMORY_BYTES,
    shmBytes: null,
    network: 'data',
    mounts,
    port: null,
    stdin: true,
    readOnlyRoot: true,
  }
}

/** Only a pull may write to the data. */
export function moverMounts(
  notebook: StepContext['notebook'],
  targets: readonly CopyRecord[],
  purpose: MoverPurpose,
): VolumeMount[] {
  const data = targets.map(({ target, engineVolume }) => {
    const volume = notebook.volumes.find(({ id }) => id === target)
    const path = volume ? MOVER_PATHS.volume(volume.index) : MOVER_PATHS.workspace
    return { volume: engineVolume, path, readOnly: purpose !== 'PULL' }
  })
  if (!notebook.sideVolume) throw new Error(`Notebook ${notebook.id} has local copies without manifests`)
  return [...data, { volume: notebook.sideVolume, path: MOVER_PATHS.side, readOnly: false }]
}

/**
 * Makes a container of the next generation, which is then to be put on record (see `recording`). `operation` is that of syncs
 * that were wished before their mover was made; a new one unless given.
 * What a predecessor made of that generation but did not record is inert and goes first. What ran under it and is not on
 * record is of a later time than a restored database: it is kept, and null is answered; the next generation is tried.
 */
export async function createContainer(
  context: StepContext,
  purpose: ContainerRecord['purpose'],
  spec: Omit<ContainerSpec, 'identity'>,
  operation: string = randomUUID(),
): Promise<ContainerRecord | null> {
  const { notebook, parts } = context
  const generation = notebook.generation + 1
  const role = purpose === 'RUN' ? 'NOTEBOOK' : 'MOVER'
  const identity: Identity = {
    installation: parts.installation,
    notebook: notebook.id,
    generation,
    role: role === 'NOTEBOOK' ? 'notebook' : 'mover',
  }
  const id = await createAfresh(context, { identity, ...spec })
  if (id === null) {
    await context.change(() => ({ set: { generation } }))
    return null
  }
  const made = {
    id,
    notebookId: notebook.id,
    generation,
    role,
    purpose,
    nodeId: parts.engine.nodeId,
    operation,
  } as const
  return { ...made, host: null, port: null, settled: false, lastSeenAliveAt: null }
}

/** The change that puts a container on record, with what else belongs into it. */
export function recording(container: ContainerRecord, { set, also = [], ...change }: Change): Change {
  const { generation } = container
  return { ...change, set: { ...set, generation }, also: [inserting('Container', [container]), ...also] }
}

/**
 * A name that is taken may be a predecessor's, who never recorded what it made, or a successor's, who will start it. So what
 * is inert under the name is looked up first, and the lease after that: held then, nobody has that id on record or ever will,
 * and its removal is harmless whenever it comes. Null: what has the name is not inert.
 */
async function createAfresh(context: StepContext, spec: ContainerSpec): Promise<string | null> {
  const id = await createUnlessTaken(context, spec)
  if (id !== null) return id
  const unrecorded = await findInert(context.parts.engine, spec.identity)
  const engine = await context.engineUnderLease()
  if (unrecorded) await engine.remove(unrecorded, { force: false })
  return createUnlessTaken(context, spec)
}

async function findInert(engine: ContainerEngine, identity: Identity): Promise<string | null> {
  const id = await engine.find(identity)
  const status = id && (await engine.inspect(id))
  return status && status.state === 'created' ? id : null
}

async function createUnlessTaken(context: StepContext, spec: ContainerSpec): Promise<string | null> {
  try {
    return await (await context.engineUnderLease()).create(spec)
  } catch (error) {
    if (error instanceof NameTakenError) return null
    throw error
  }
}

/**
 * Removes what a predecessor made for the notebook and did not record. As above it is looked up before the lease is: nobody
 * has it on record then, or ever will.
 */
export async function removeUnrecorded(context: StepContext): Promise<void> {
  const { notebook, parts } = context
  const recorded = new Set(notebook.containers.map(({ id }) => id))
  const listed = await parts.engine.list()
  const unrecorded = listed.filter(
    ({ id, identity, state }) => identity.notebook === notebook.id && state === 'created' && !recorded.has(id),
  )
  for (const { id } of unrecorded) await (await context.engineUnderLease()).remove(id, { force: false })
}

/**
 * Takes a container whose end is in the books out of the engine, then off the record. By force: should a controller that
 * lost its lease have started it since, that one must not go on.
 */
export async function removeContainer(context: StepContext, containerId: string): Promise<void> {
  const engine = await context.engineUnderLease()
  await engine.remove(containerId, { force: true })
  await context.change(async (_, tx) => {
    await tx.container.delete({ where: { id: containerId } })
    return {}
  })
}
