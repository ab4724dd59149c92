/**
 * The world behind the fake engine: containers, volumes, images and events, which outlive any control plane. A test holds it
 * and gives its commands here; the control plane sees no more of it than the port.
 */
import {
  ContainerGoneError,
  type ContainerSpec,
  type ContainerStatus,
  type EngineEvent,
  EngineUnavailableError,
  type Identity,
  type MeasuredSize,
  NameTakenError,
  type NodeCapacity,
  VolumeInUseError,
  type VolumeStatus,
} from '../port.ts'
import { carrier, type Origin } from './carrier.ts'
import { type Exit, FakeContainer, type Program } from './container.ts'
import { Faults } from './faults.ts'
import { bytesIn, type FakeVolume } from './files.ts'
import type { HistoryEntry } from './history.ts'
import { FakeImages } from './images.ts'
import { closeOnAbort, Inbox } from './inbox.ts'
import { FakeObjectStore } from './object-store.ts'
import { moverThat, notebook } from './programs.ts'
import { scribe } from './scribe.ts'

export interface FakeDaemonParts {
  now: () => Date
  /** Ids of the images that are there from the start. */
  images: Iterable<string>
}

/** A rescue and an errand run the mover's. */
type Programs = Record<'mover' | 'notebook', Program>

export class FakeDaemon {
  readonly faults = new Faults()
  readonly images: FakeImages
  readonly volumes = new Map<string, FakeVolume>()
  /** What the movers of `workPrograms` carry files from and to. */
  readonly store = new FakeObjectStore()
  /** All that happened, oldest first. */
  readonly history: HistoryEntry[] = []

  /** What containers run, by role. A test replaces them at any time, for containers started after that. */
  programs: Programs = { mover: moverThat(), notebook }
  /** Where the published port of every running notebook leads. */
  address: ContainerStatus['address'] = null
  bootedAt: Date | null = null
  /** Sizes that a test makes up, by volume or container; of the others what is really in them is told. */
  readonly sizes = new Map<string, number>()
  capacity: NodeCapacity = { cpus: 8, memoryBytes: 64 * 2 ** 30, gpus: [] }

  readonly #now: () => Date
  readonly #containers = new Map<string, FakeContainer>()
  readonly #subscribers = new Map<Inbox<EngineEvent>, string>()
  /** Whose volumes are, by their names; also of those that are gone. */
  readonly #labels = new Map<string, { installation: string; notebook: string; createdAt: Date }>()
  readonly #origins = new Map<string, Origin>()
  #made = 0
  #eventsToLose = 0

  constructor({ now, images }: FakeDaemonParts) {
    this.#now = now
    this.images = new FakeImages(images)
  }

  /** Programs that work on files: movers that carry them, notebooks that write some. */
  workPrograms(): Programs {
    const learn = (volume: string, origin: Origin) => this.#origins.set(volume, origin)
    const isInUse = (volume: string) => this.#notebookRunsOn(volume)
    return { mover: carrier({ store: this.store, learn, isInUse }), notebook: scribe }
  }

  #notebookRunsOn(volume: string): boolean {
    return [...this.#containers.values()].some(
      ({ state, spec: { identity, mounts } }) =>
        state === 'running' && identity.role === 'notebook' && mounts.some((mount) => mount.volume === volume),
    )
  }

  /** Throws NameTakenError, ImageError. */
  create(spec: ContainerSpec): string {
    this.images.demand(spec.image)
    if (this.named(spec.identity)) throw new NameTakenError('There is a container of this identity already.')
    this.#made += 1
    const id = `fake-${this.#made}`
    const announce = (action: EngineEvent['action']) => this.#announce(id, spec, action)
    const volumeOf = (name: string) => this.#volumeOf(name, spec.identity)
    this.#containers.set(id, new FakeContainer({ id, spec, now: this.#now, volumeOf, announce }))
    this.#remember('created', id, spec)
    return id
  }

  #volumeOf(name: string, { installation, notebook }: Identity): FakeVolume {
    const there = this.volumes.get(name)
    if (there) return there
    const volume: FakeVolume = new Map()
    this.volumes.set(name, volume)
    this.#labels.set(name, { installation, notebook, createdAt: this.#now() })
    return volume
  }

  volumesOf(installation: string): VolumeStatus[] {
    return [...this.volumes.keys()].flatMap((name) => {
      const labels = this.#labels.get(name)
      return labels?.installation === installation
        ? [{ name, notebook: labels.notebook, createdAt: labels.createdAt }]
        : []
    })
  }

  /** Throws ContainerGoneError. */
  start(id: string, stdin: string | null): void {
    const container = this.find(id)
    if (!container) throw new ContainerGoneError(`There is no container ${id}.`)
    const { role } = container.spec.identity
    container.start(this.programs[role === 'notebook' ? 'notebook' : 'mover'], stdin)
  }

  find(id: string): FakeContainer | undefined {
    return this.#containers.get(id)
  }

  named(identity: Identity): FakeContainer | undefined {
    return this.all(identity.installation).find(
      ({ spec: { identity: other } }) =>
        other.notebook === identity.notebook &&
        other.generation === identity.generation &&
        other.role === identity.role,
    )
  }

  all(installation: string): FakeContainer[] {
    return [...this.#containers.values()].filter(({ spec }) => spec.identity.installation === installation)
  }

  /** Volumes belong to who mounts them; one that no container mounts any more is nobody's here. */
  diskUsage(installation: string): MeasuredSize[] {
    const containers = this.all(installation)
    const volumes = new Set(containers.flatMap(({ spec }) => spec.mounts.map(({ volume }) => volume)))
    const measured = [
      ...containers.map(({ id, files }) => ({ name: id, bytes: files.ownBytes })),
      ...[...volumes].map((name) => ({ name, bytes: bytesIn(this.volumes.get(name) ?? new Map()) })),
    ]
    return measured.map(({ name, bytes }) => ({ name, bytes: this.sizes.get(name) ?? bytes }))
  }

  /** Throws VolumeInUseError. */
  removeVolume(name: string): void {
    const isMounted = [...this.#containers.values()].some(({ spec }) =>
      spec.mounts.some(({ volume }) => volume === name),
    )
    if (isMounted) throw new VolumeInUseError(`The volume ${name} is in use.`)
    if (!this.volumes.has(name)) return
    this.history.push({ what: 'volumeRemoved', at: this.#now(), volume: name, unsaved: this.unsavedIn(name) })
    this.volumes.delete(name)
  }

  /** Paths of the files in a volume that its bucket does not have, or has otherwise; none as long as no mover knew it. */
  unsavedIn(name: string): string[] {
    const origin = this.#origins.get(name)
    if (!origin || origin.permission === 'RO') return []
    const bucket = this.store.bucket(origin.bucket)
    const files = [...(this.volumes.get(name) ?? [])]
    return files.filter(([path, content]) => !bucket.get(origin.prefix + path)?.equals(content)).map(([path]) => path)
  }

  subscribe(installation: string, signal: AbortSignal): Inbox<EngineEvent> {
    const inbox = new Inbox<EngineEvent>()
    this.#subscribers.set(inbox, installation)
    signal.addEventListener('abort', () => this.#subscribers.delete(inbox), { once: true })
    closeOnAbort(inbox, signal)
    return inbox
  }

  #announce(containerId: string, spec: ContainerSpec, action: EngineEvent['action']): void {
    const { installation, notebook } = spec.identity
    if (action !== 'outOfMemory') this.#remember(action, containerId, spec)
    if (this.#eventsToLose > 0) {
      this.#eventsToLose -= 1
      return
    }
    for (const [inbox, theirs] of this.#subscribers)
      if (theirs === installation) inbox.push({ containerId, notebook, action })
  }

  #remember(
    what: 'created' | 'started' | 'ended' | 'removed',
    container: string,
    { identity, mounts }: ContainerSpec,
  ): void {
    const writes = mounts.filter(({ readOnly }) => !readOnly).map(({ volume }) => volume)
    this.history.push({ what, at: this.#now(), container, identity, writes })
  }

  /** A running container ends: its process exits, or is killed by whoever is not the control plane. */
  end(id: string, exit: Exit): void {
    this.find(id)?.end(exit)
  }

  /** Some process in the container is killed for memory; the container lives on. */
  killChildForMemory(id: string): void {
    const container = this.find(id)
    if (container?.state === 'running') this.#announce(id, container.spec, 'outOfMemory')
  }

  /** Removes a container in whatever state, as `docker rm -f` does. */
  remove(id: string): void {
    const container = this.find(id)
    if (!container) return
    container.kill()
    this.#containers.delete(id)
    this.#announce(id, container.spec, 'removed')
  }

  /** The engine dies, and all that runs with it. Nothing answers until it recovers. */
  crash(): void {
    this.faults.refuse(Number.POSITIVE_INFINITY)
    for (const container of this.#containers.values()) container.crash()
    this.breakStreams()
  }

  /** It boots again: what ran then is found ended, now and with code 255, as a real one reports it. */
  recover(): void {
    this.faults.refuse(0)
    this.bootedAt = this.#now()
    for (const container of this.#containers.values())
      if (container.hasCrashed) container.end({ code: 255, oomKilled: false })
  }

  /** It goes down in order, which ends what runs in that way, and comes up again. */
  restart(exit: Exit): void {
    this.breakStreams()
    for (const container of this.#containers.values()) if (container.state === 'running') container.end(exit)
    this.bootedAt = this.#now()
  }

  /** Nobody hears of the next events. */
  loseEvents(count: number): void {
    this.#eventsToLose = count
  }

  /** Breaks every stream of lines and events that is open. */
  breakStreams(): void {
    for (const inbox of this.#subscribers.keys())
      inbox.close(new EngineUnavailableError('The connection to the engine broke.'))
    this.#subscribers.clear()
    for (const container of this.#containers.values()) container.breakStreams()
  }
}
