/**
 * The engine port on one Docker daemon. Every call stands for itself: nothing is queued behind another notebook's call, and
 * nothing but what the node has is remembered between calls, so any number of control planes can use one daemon.
 */
import type Dockerode from 'dockerode'
import pLimit from 'p-limit'
import {
  type ContainerEngine,
  ContainerGoneError,
  type ContainerSpec,
  type ContainerStatus,
  EngineUnavailableError,
  ImageError,
  type ImageProgress,
  isListed,
  NameTakenError,
  type NodeCapacity,
  VolumeInUseError,
  type VolumeStatus,
} from '../port.ts'
import { call, LIMIT, statusOf, unless } from './call.ts'
import { containerBody } from './container.ts'
import { diskUsage } from './disk.ts'
import { containerEvents } from './events.ts'
import { readFile } from './files.ts'
import { lastLines, stdoutLines } from './logs.ts'
import { containerName, containersOf, notebookFrom, volumesOf } from './names.ts'
import { ensureNetworks } from './networks.ts'
import { removeContainer } from './remove.ts'
import { startContainer } from './start.ts'
import { dateFrom, statusFromInspect, statusFromList } from './status.ts'

const GONE = 404
const CONFLICT = 409
const ALREADY_STOPPED = 304

const DEFAULT_NETWORK = 'bridge'

/** Inspect calls at the same time while a list is made. */
const LIST_CONCURRENCY = 8

/** Where images come from, by their ids in the catalogue. */
export interface ImageProvider {
  /** The name that the daemon knows the image by. Throws ImageError for an id that the catalogue lacks. */
  nameOf(id: string): string
  isThere(id: string): Promise<boolean>
  /** Throws ImageError. */
  provide(id: string, onProgress: (progress: ImageProgress) => void, signal: AbortSignal): Promise<void>
}

export interface DockerEngineOptions {
  docker: Dockerode
  /** Uuid of the installation: what this engine labels, and all it ever looks at. */
  installation: string
  nodeId: string
  images: ImageProvider
  /** What the node has of them; Docker itself does not tell. None unless given. */
  gpus?: NodeCapacity['gpus']
}

export function createDockerEngine({
  docker,
  installation,
  nodeId,
  images,
  gpus = [],
}: DockerEngineOptions): ContainerEngine {
  let known: NodeCapacity | undefined

  async function capacity(): Promise<NodeCapacity> {
    const node: { NCPU: number; MemTotal: number } = await call('tell what its node has', LIMIT.READ, () =>
      docker.info(),
    )
    known = { cpus: node.NCPU, memoryBytes: node.MemTotal, gpus }
    return known
  }

  /** Docker makes its default network anew whenever it comes up, and does not tell that time otherwise. */
  async function bootedAt(): Promise<Date | null> {
    const network = await call('look at its default network', LIMIT.READ, () =>
      unless(GONE, docker.getNetwork(DEFAULT_NETWORK).inspect(), null),
    )
    return network && new Date(network.Created)
  }

  async function create(spec: ContainerSpec): Promise<string> {
    const body = containerBody(spec, images.nameOf(spec.image), known ?? (await capacity()))
    const name = containerName(spec.identity)
    try {
      // Name and body apart, or dockerode writes all of the body, environment included, into the URL.
      const options = { _query: { name }, _body: body }
      const container = await call('create a container', LIMIT.WRITE, (abortSignal) =>
        docker.createContainer({ ...options, abortSignal } as Dockerode.ContainerCreateOptions),
      )
      return container.id
    } catch (error) {
      if (statusOf(error) === CONFLICT) throw new NameTakenError(`There is a container named ${name} already.`)
      if (statusOf(error) === GONE)
        throw new ImageError(`The image ${spec.image} is not on node ${nodeId} (any more).`, { cause: error })
      throw error
    }
  }

  async function start(id: string, stdin?: string): Promise<void> {
    try {
      await startContainer(docker.getContainer(id), stdin)
    } catch (error) {
      if (statusOf(error) !== GONE) throw error
      if (!(await inspect(id))) throw new ContainerGoneError(`There is no container ${id}.`)
      // Docker answers the same when it is the network that is gone.
      await ensureNetworks(docker, installation)
      throw new EngineUnavailableError(`The network of container ${id} was gone and has been made anew.`)
    }
  }

  async function inspect(id: string): Promise<ContainerStatus | null> {
    const info = await call('look at a container', LIMIT.READ, (abortSignal) =>
      unless(GONE, docker.getContainer(id).inspect({ abortSignal }), null),
    )
    return info && statusFromInspect(info)
  }

  async function stop(id: string, graceSeconds: number): Promise<void> {
    await call('stop a container', graceSeconds + LIMIT.WRITE, async (abortSignal) => {
      const stopped = docker.getContainer(id).stop({ t: graceSeconds, abortSignal })
      await unless(GONE, unless(ALREADY_STOPPED, stopped, undefined), undefined)
    })
  }

  /** A list says all of containers that run or never ran; how one ended must be asked for one by one. */
  async function list(): Promise<ContainerStatus[]> {
    const containers = await call('list containers', LIMIT.READ, (abortSignal) =>
      docker.listContainers({ all: true, filters: containersOf(installation), abortSignal }),
    )
    const inspections = pLimit(LIST_CONCURRENCY)
    const statuses = await Promise.all(
      containers.map((container) => {
        const status = statusFromList(container)
        return status?.state === 'exited' ? inspections(() => inspect(status.id)) : status
      }),
    )
    return statuses.filter((status) => status !== null).filter(({ identity }) => isListed(identity))
  }

  async function listVolumes(): Promise<VolumeStatus[]> {
    const { Volumes } = await call('list volumes', LIMIT.READ, (abortSignal) =>
      docker.listVolumes({ filters: JSON.stringify(volumesOf(installation)), abortSignal }),
    )
    return Volumes.flatMap(({ Name, Labels, ...more }) => {
      const notebook = notebookFrom(Labels)
      return notebook
        ? [{ name: Name, notebook, createdAt: dateFrom((more as { CreatedAt?: string }).CreatedAt ?? '') }]
        : []
    })
  }

  async function removeVolume(name: string): Promise<void> {
    try {
      await call(`remove the volume ${name}`, LIMIT.WRITE, (abortSignal) =>
        unless(GONE, docker.getVolume(name).remove({ abortSignal }), undefined),
      )
    } catch (error) {
      if (statusOf(error) !== CONFLICT) throw error
      throw new VolumeInUseError(`The volume ${name} is in use.`, { cause: error })
    }
  }

  return {
    nodeId,
    capacity,
    bootedAt,
    create,
    start,
    inspect,
    stop,
    list,
    listVolumes,
    prepare: async () => {
      await ensureNetworks(docker, installation)
    },
    ping: async () => {
      await call('answer', LIMIT.PING, () => docker.ping())
    },
    imageIsThere: (image) => images.isThere(image),
    provideImage: (image, onProgress, signal) => images.provide(image, onProgress, signal),
    remove: (id, { force }) => removeContainer(docker.getContainer(id), force),
    find: async (identity) => (await inspect(containerName(identity)))?.id ?? null,
    lines: (id, signal) => stdoutLines(docker.getContainer(id), signal),
    logTail: (id, lines) => lastLines(docker.getContainer(id), lines),
    readFile: (id, path) => readFile(docker.getContainer(id), path),
    removeVolume,
    volumeIsThere: (name) =>
      call(`look at the volume ${name}`, LIMIT.READ, async (abortSignal) => {
        const volume = await unless(GONE, docker.getVolume(name).inspect({ abortSignal }), null)
        return volume !== null
      }),
    diskUsage: () => diskUsage(docker, installation),
    events: (signal) => containerEvents(docker, installation, signal),
  }
}
