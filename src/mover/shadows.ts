/**
 * Finds the keys that are both a file and the folder of other files, while the keys go by in order. No file system has
 * both; what lies below wins, because it is the most. Holds only the files that may still turn out to be folders.
 */
export class Shadows {
  readonly #open: { path: string; bytes: number }[] = []
  readonly #hidden = new Set<string>()

  /** Takes the next key, with the bytes planned to be moved for it; answers the bytes of files that it hides. */
  see(path: string, bytes: number): number {
    for (let top = this.#open.at(-1); top && !path.startsWith(top.path); top = this.#open.at(-1)) this.#open.pop()
    let hiddenBytes = 0
    for (const file of this.#open) {
      if (this.#hidden.has(file.path) || !path.startsWith(`${file.path}/`)) continue
      this.#hidden.add(file.path)
      hiddenBytes += file.bytes
    }
    if (!path.endsWith('/')) this.#open.push({ path, bytes })
    return hiddenBytes
  }

  hides(path: string): boolean {
    return this.#hidden.has(path)
  }
}
