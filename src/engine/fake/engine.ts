/** The engine port on a fake daemon: nothing but the port's rules and the faults that a test ordered. */
import { type ContainerEngine, type ContainerStatus, type EngineEvent, isListed } from '../port.ts'
import type { FakeDaemon } from './daemon.ts'

export interface FakeEngineOptions {
  daemon: FakeDaemon
  installation: string
  nodeId: string
}

/** Keeps no state of its own: any number of engines, one after the other or at once, can stand before one daemon. */
export function createFakeEngine({ daemon, installation, nodeId }: FakeEngineOptions): ContainerEngine {
  const { faults } = daemon
  return {
    nodeId,
    prepare: () => faults.pass('prepare', () => undefined),
    capacity: () => faults.pass('capacity', () => daemon.capacity),
    bootedAt: () => faults.pass('bootedAt', () => daemon.bootedAt),
    ping: () => faults.pass('ping', () => undefined),
    imageIsThere: (image) => faults.pass('imageIsThere', () => daemon.images.has(image)),
    provideImage: (image, onProgress, signal) =>
      faults.pass('provideImage', () => daemon.images.provide(image, onProgress, signal)),
    create: (spec) => faults.pass('create', () => daemon.create(spec)),
    start: (id, stdin) => faults.pass('start', () => daemon.start(id, stdin ?? null)),
    inspect: (id) => faults.pass('inspect', () => daemon.find(id)?.status(daemon.address) ?? null),
    stop: (id) => faults.pass('stop', () => daemon.find(id)?.stop()),
    remove: (id, { force }) =>
      faults.pass('remove', () => {
        if (!force && daemon.find(id)?.state === 'running') throw new Error(`The container ${id} is running.`)
        daemon.remove(id)
      }),
    find: (identity) => faults.pass('find', () => daemon.named(identity)?.id ?? null),
    async *lines(id, signal) {
      const container = await faults.pass('lines', () => daemon.find(id))
      if (container) yield* container.follow(signal)
    },
    logTail: (id, lines) => faults.pass('logTail', () => daemon.find(id)?.tail(lines) ?? []),
    readFile: (id, path) => faults.pass('readFile', () => daemon.find(id)?.files.read(path) ?? null),
    removeVolume: (name) => faults.pass('removeVolume', () => daemon.removeVolume(name)),
    volumeIsThere: (name) => faults.pass('volumeIsThere', () => daemon.volumes.has(name)),
    diskUsage: () => faults.pass('diskUsage', () => daemon.diskUsage(installation)),
    listVolumes: () => faults.pass('listVolumes', () => daemon.volumesOf(installation)),
    list: () =>
      faults.pass('list', () => {
        const ours = daemon.all(installation).filter(({ spec }) => isListed(spec.identity))
        return ours.map((each) => listed(each.status(daemon.address)))
      }),
    async *events(signal): AsyncGenerator<EngineEvent> {
      yield* await faults.pass('events', () => daemon.subscribe(installation, signal))
    },
  }
}

/** A list tells less of what runs. */
function listed(status: ContainerStatus): ContainerStatus {
  return status.state === 'running' ? { ...status, startedAt: null } : status
}
