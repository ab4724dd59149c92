/**
 * Which multipart uploads were begun, so that a run after a kill can give them up: their parts cost the bucket's owner
 * money, and only uploads in this journal are known to be ours.
 */
import { appendFile, rm } from 'node:fs/promises'
import { readLines } from './lines.ts'
import { type ObjectStore, StoreError } from './store.ts'

interface Begun {
  key: string
  upload: string
}

export class UploadJournal {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  async began(key: string, upload: string): Promise<void> {
    const line: Begun = { key, upload }
    await appendFile(this.#file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }

  /** Gives up what an earlier run left; those that were completed are not there any more, which is fine. */
  async clear(store: ObjectStore): Promise<void> {
    for await (const line of readLines(this.#file)) {
      const { key, upload } = line as Begun
      try {
        await store.abortParts(key, upload)
      } catch (error) {
        // A store that does not let us is no reason not to save files to it.
        if (!(error instanceof StoreError) || error.kind === 'unavailable') throw error
      }
    }
    await rm(this.#file, { force: true })
  }
}
