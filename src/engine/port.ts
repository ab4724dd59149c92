/**
 * The port behind which containers run: one engine is one node. Docker's details stay below it.
 *
 * Calls may fail with EngineUnavailableError (try again, nothing is known), ImageError, ContainerGoneError or
 * VolumeInUseError; every other error is a bug. All calls are idempotent but `create`, which answers NameTakenError when the
 * name is in use.
 */

/** What everything made in an engine is labelled with. A generation is one try at one container. */
export interface Identity {
  installation: string
  notebook: string
  generation: number
  /**
   * `rescue`: an operator's own, that carries files out of a volume that nobody knows. `errand`: works on a store alone, for no
   * notebook; `notebook` is then the errand's id. No list tells of either.
   */
  role: 'notebook' | 'mover' | 'rescue' | 'errand'
}

/** Whether the lists of containers, by which notebooks are looked after, tell of it. */
export function isListed({ role }: Identity): boolean {
  return role === 'notebook' || role === 'mover'
}

/** A volume as the engine knows it. */
export interface VolumeStatus {
  name: string
  notebook: string
  createdAt: Date | null
}

export interface VolumeMount {
  /** Name of the engine's volume, made on first use and labelled with installation and notebook. */
  volume: string
  path: string
  readOnly: boolean
}

export interface ContainerSpec {
  identity: Identity
  /** An image name as the catalogue has it. */
  image: string
  /** Replaces entrypoint and command of the image; null leaves both as they are. */
  command: string[] | null
  env: Record<string, string>
  /** uid:gid the process runs as; always without root and capabilities. */
  user: string
  /** Fractions of a CPU; clamped, as memory is, to what the node has. */
  cpus: number
  memoryBytes: number
  shmBytes: number | null
  /** The engine's ids of the GPUs that it gets; none unless given. */
  gpuDevices?: readonly string[]
  /** `data`: movers, which reach stores. `notebooks`: the internet, but not each other. */
  network: 'data' | 'notebooks'
  mounts: VolumeMount[]
  /** A port inside to publish on the node's loopback, or none. */
  port: number | null
  /** Keeps stdin open for one document, written by `start`. */
  stdin: boolean
  /** Read-only root file system with a small /tmp. */
  readOnlyRoot: boolean
}

export interface ContainerStatus {
  id: string
  identity: Identity
  /** `created` is inert: it never ran. */
  state: 'created' | 'running' | 'exited'
  /** Null unless it exited; and of one that somebody is just removing, whatever code that leaves behind. */
  exitCode: number | null
  oomKilled: boolean
  startedAt: Date | null
  /** Real end as the engine saw it. After a crash of the engine this is its own next boot. */
  finishedAt: Date | null
  createdAt: Date
  /** Where the control plane reaches the published port while it runs. */
  address: { host: string; port: number } | null
}

export interface NodeCapacity {
  cpus: number
  memoryBytes: number
  /** One by one. `id`: how the engine names the device; `model`: as flavors name it, "Tesla V100S 32 GiB". */
  gpus: readonly { id: string; model: string }[]
}

/** What a volume (by name) or the writable layer of a container (by id) takes on the node's disk. */
export interface MeasuredSize {
  name: string
  bytes: number
}

/** Progress of an image: a sentence for people, and the part done where it is known. */
export interface ImageProgress {
  message: string
  bytesDone: number | null
  bytesTotal: number | null
}

/** A hint that something happened to a container; may be lost. */
export interface EngineEvent {
  containerId: string
  notebook: string
  /** `outOfMemory`: some process in it was killed for memory; the container may well live on. */
  action: 'started' | 'ended' | 'outOfMemory' | 'removed'
}

export interface ContainerEngine {
  readonly nodeId: string

  /** Makes networks. Called once at boot; idempotent. */
  prepare(): Promise<void>
  capacity(): Promise<NodeCapacity>
  /** When the engine came up last; null where it does not tell. */
  bootedAt(): Promise<Date | null>
  /** Resolves when the engine answers. */
  ping(): Promise<void>

  imageIsThere(image: string): Promise<boolean>
  /** Pulls or builds what is missing, once for any number of callers. Throws ImageError. */
  provideImage(image: string, onProgress: (progress: ImageProgress) => void, signal: AbortSignal): Promise<void>

  /** Makes an inert container named after its identity and returns its id. Throws NameTakenError. */
  create(spec: ContainerSpec): Promise<string>
  /** Starts by id; with `stdin`, writes it and closes. A container runs once: one that runs or ended is left as it is. Throws ContainerGoneError. */
  start(id: string, stdin?: string): Promise<void>
  /** Null when no such container is there. */
  inspect(id: string): Promise<ContainerStatus | null>
  /** SIGTERM, `graceSeconds`, SIGKILL; resolves when it ended or is gone. */
  stop(id: string, graceSeconds: number): Promise<void>
  /** Removes an ended or inert container; gone is fine. A running one is refused with an Error unless `force`. */
  remove(id: string, options: { force: boolean }): Promise<void>
  /** Id of the container of that very identity, in whatever state; null when there is none. */
  find(identity: Identity): Promise<string | null>

  /**
   * Lines of stdout from the container's start on, ending when it ends, is removed, or on abort. Also for one that ended
   * already; none for one that is inert or gone.
   */
  lines(id: string, signal: AbortSignal): AsyncIterable<string>
  /** The last lines of stdout and stderr. Empty when the container is gone. */
  logTail(id: string, lines: number): Promise<string[]>
  /** A file of a container that runs or ended (mounted volumes included); null when there is none. */
  readFile(id: string, path: string): Promise<Buffer | null>

  /** Gone is fine. Throws VolumeInUseError for one that a container mounts, be it an inert or ended one. */
  removeVolume(name: string): Promise<void>
  volumeIsThere(name: string): Promise<boolean>
  /** Everything of this installation's notebooks. */
  listVolumes(): Promise<VolumeStatus[]>

  /**
   * What everything of this installation takes on the disk, in one call. May take minutes: the engine walks the files. What
   * it cannot measure is left out.
   */
  diskUsage(): Promise<MeasuredSize[]>

  /** Everything of this installation, also ended ones. Of those that run, `startedAt` and `oomKilled` are not told here. */
  list(): Promise<ContainerStatus[]>
  /** Of this installation, from the first read on. Ends on abort; ends or throws EngineUnavailableError when the engine goes away. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>
}

export type EngineCall = Exclude<keyof ContainerEngine, 'nodeId'>

/**
 * Every call of the port, and whether it changes something in the engine. A call that acts is made under a look at the
 * lease, and must be harmless when it comes late all the same: between the look and the call lies a gap that nothing fences.
 */
export const ENGINE_CALLS: Readonly<Record<EngineCall, 'acts' | 'looks'>> = {
  prepare: 'acts',
  capacity: 'looks',
  bootedAt: 'looks',
  ping: 'looks',
  imageIsThere: 'looks',
  provideImage: 'acts',
  create: 'acts',
  start: 'acts',
  inspect: 'looks',
  stop: 'acts',
  remove: 'acts',
  find: 'looks',
  lines: 'looks',
  logTail: 'looks',
  readFile: 'looks',
  removeVolume: 'acts',
  volumeIsThere: 'looks',
  diskUsage: 'looks',
  listVolumes: 'looks',
  list: 'looks',
  events: 'looks',
}

/** The engine did not answer, or not in time. Nothing is known; never a reason to change a RUNNING state. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError'
}

/** The container of that id is not there (any more). */
export class ContainerGoneError extends Error {
  override readonly name = 'ContainerGoneError'
}

/** A container of that name is there already. */
export class NameTakenError extends Error {
  override readonly name = 'NameTakenError'
}

/** A container mounts the volume, or is just being removed. */
export class VolumeInUseError extends Error {
  override readonly name = 'VolumeInUseError'
}

/** The image cannot be had: not in the catalogue, its build or pull failed. The message says why. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
}
