/**
 * The files that one fake container sees: its own, and those of the volumes mounted in it, which outlive it. What the real
 * file system would refuse is refused here too.
 */
import type { ContainerSpec, VolumeMount } from '../port.ts'

/** Content by path, relative to the volume's root. */
export type FakeVolume = Map<string, Buffer>

export function bytesIn(files: FakeVolume): number {
  return [...files.values()].reduce((sum, content) => sum + content.length, 0)
}

export class ContainerFiles {
  readonly #own: FakeVolume = new Map()
  readonly #mounts: readonly (VolumeMount & { files: FakeVolume })[]
  readonly #readOnlyRoot: boolean

  constructor(spec: ContainerSpec, volumeOf: (name: string) => FakeVolume) {
    this.#readOnlyRoot = spec.readOnlyRoot
    // The deepest first, so that a volume mounted inside another one is found.
    this.#mounts = spec.mounts
      .map((mount) => ({ ...mount, files: volumeOf(mount.volume) }))
      .sort((a, b) => b.path.length - a.path.length)
  }

  /** Null when there is no such file. */
  read(path: string): Buffer | null {
    const { files, key } = this.#locate(path)
    return files.get(key) ?? null
  }

  /** What lies in the container itself, in bytes. */
  get ownBytes(): number {
    return bytesIn(this.#own)
  }

  /** Paths of the files below a directory, without those of volumes mounted inside it. */
  list(directory: string): string[] {
    const { files, key: prefix } = this.#locate(`${directory}/`)
    return [...files.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => `${directory}/${key.slice(prefix.length)}`)
  }

  /** Throws on a read-only file system. */
  write(path: string, content: string | Buffer): void {
    const { files, key } = this.#writable(path)
    files.set(key, Buffer.from(content))
  }

  /** Throws on a read-only file system. */
  remove(path: string): void {
    const { files, key } = this.#writable(path)
    files.delete(key)
  }

  #writable(path: string) {
    const place = this.#locate(path)
    if (place.readOnly) throw new Error(`EROFS: read-only file system, open '${path}'`)
    return place
  }

  #locate(path: string): { files: FakeVolume; key: string; readOnly: boolean } {
    const mount = this.#mounts.find(({ path: root }) => path.startsWith(`${root}/`))
    if (mount) return { files: mount.files, key: path.slice(mount.path.length + 1), readOnly: mount.readOnly }
    return { files: this.#own, key: path, readOnly: this.#readOnlyRoot && !path.startsWith('/tmp/') }
  }
}
