/**
 * A test's hand on a fake daemon: everything it can make it suffer, and everything it can read of it. Plain calls with plain
 * values, so that the same can be done from another process (see remote.ts).
 */

import type { TargetError } from '../../mover/protocol.ts'
import type { ContainerSpec, ContainerStatus, EngineCall, NodeCapacity } from '../port.ts'
import { ImageError } from '../port.ts'
import type { Exit } from './container.ts'
import type { FakeDaemon } from './daemon.ts'
import type { FakeEditor } from './editor.ts'
import type { Hold } from './faults.ts'
import type { HistoryEntry } from './history.ts'

export interface HeldContainer extends ContainerStatus {
  spec: ContainerSpec
}

export class FakeControl {
  readonly #daemon: FakeDaemon
  readonly #editor: FakeEditor
  readonly #holds = new Map<EngineCall, Hold>()

  constructor(daemon: FakeDaemon, editor: FakeEditor) {
    this.#daemon = daemon
    this.#editor = editor
  }

  // Faults of calls

  /** The next calls are refused before they have an effect; Infinity until called again with 0. */
  refuse(calls: number): void {
    this.#daemon.faults.refuse(calls)
  }

  /** The next such call takes effect, but its caller does not hear of it. */
  loseAnswer(call: EngineCall): void {
    this.#daemon.faults.loseAnswer(call)
  }

  /** Such calls wait, before they have an effect, until released. */
  hold(call: EngineCall): void {
    this.#holds.set(call, this.#daemon.faults.hold(call))
  }

  /** Resolves when such a call waits. */
  async reached(call: EngineCall): Promise<void> {
    await this.#holds.get(call)?.reached
  }

  release(call: EngineCall): void {
    this.#holds.get(call)?.release()
    this.#holds.delete(call)
  }

  /** Every call takes so much longer, in milliseconds. */
  slow(milliseconds: number): void {
    this.#daemon.faults.slow(milliseconds)
  }

  /** Breaks every stream of lines and events that is open. */
  breakStreams(): void {
    this.#daemon.breakStreams()
  }

  /** Nobody hears of the next events. */
  loseEvents(count: number): void {
    this.#daemon.loseEvents(count)
  }

  /** The engine dies, and all that runs with it; nothing answers until it recovers. */
  crash(): void {
    this.#daemon.crash()
  }

  recover(): void {
    this.#daemon.recover()
  }

  /** The engine goes down in order, which ends what runs in that way, and comes up again. */
  restart(exit: Exit): void {
    this.#daemon.restart(exit)
  }

  // Containers

  /** All of an installation, also ended ones. */
  containers(installation: string): HeldContainer[] {
    return this.#daemon
      .all(installation)
      .map((container) => ({ ...container.status(this.#daemon.address), spec: container.spec }))
  }

  /** A running container ends: its process exits, or is killed by whoever is not the control plane. */
  end(id: string, exit: Exit): void {
    this.#daemon.end(id, exit)
  }

  /** Some process in the container is killed for memory; the container lives on. */
  killChildForMemory(id: string): void {
    this.#daemon.killChildForMemory(id)
  }

  /** Removes a container in whatever state, as `docker rm -f` does. */
  remove(id: string): void {
    this.#daemon.remove(id)
  }

  /** All that happened to an installation's containers and to volumes, oldest first. */
  history(installation: string): HistoryEntry[] {
    return this.#daemon.history.filter(
      (entry) => entry.what === 'volumeRemoved' || entry.identity.installation === installation,
    )
  }

  /** What the containers of a role print as stderr and stdout; for a test that failed. */
  logOf(id: string): string[] {
    return this.#daemon.find(id)?.tail(100) ?? []
  }

  // The node

  setCapacity(capacity: NodeCapacity): void {
    this.#daemon.capacity = capacity
  }

  /** Whether editors answer that they are ready. */
  setEditorsReady(ready: boolean): void {
    this.#editor.isReady = ready
  }

  forgetImage(image: string): void {
    this.#daemon.images.forget(image)
  }

  /** How images are built from now on: at once, or not at all, for that reason. */
  setBuilds(failure: string | null): void {
    this.#daemon.images.build = async (image, report) => {
      report({ message: `Building ${image}`, bytesDone: null, bytesTotal: null })
      if (failure) throw new ImageError(failure)
    }
  }

  // Files

  /** Content by path, by name of volume. */
  volumes(): Map<string, Map<string, Buffer>> {
    return this.#daemon.volumes
  }

  /** Paths of the files in a volume that its bucket does not have, or has otherwise. */
  unsavedIn(volume: string): string[] {
    return this.#daemon.unsavedIn(volume)
  }

  putObjects(bucket: string, objects: Record<string, string | Buffer>): void {
    for (const [key, content] of Object.entries(objects))
      this.#daemon.store.bucket(bucket).set(key, Buffer.from(content))
  }

  /** Content by key. */
  objects(bucket: string): Map<string, Buffer> {
    return this.#daemon.store.bucket(bucket)
  }

  /** Every use of the bucket fails like that; null: it works again. */
  failBucket(bucket: string, fault: TargetError | null): void {
    this.#daemon.store.fail(bucket, fault)
  }

  /** Movers that use the bucket wait until it is released. */
  holdBucket(bucket: string): void {
    this.#daemon.store.hold(bucket)
  }

  releaseBucket(bucket: string): void {
    this.#daemon.store.release(bucket)
  }
}

/** The same hand from another process. */
export type RemoteControl = {
  [Call in keyof FakeControl]: FakeControl[Call] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}
