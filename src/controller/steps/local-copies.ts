/** Whether local copies are where they are on record. An engine makes a missing volume anew, empty: that is never what is meant. */
import type { ContainerEngine } from '../../engine/port.ts'
import type { CopyRecord } from '../observe.ts'

/** Of a copy that nobody tried to save, and of which nobody counted what is not saved. */
export const NOT_TRIED = {
  saveError: null,
  saveFault: null,
  checkpointError: null,
  unsavedFiles: null,
  unsavedBytes: null,
} as const

/** Of a copy that nothing was pulled to, and no notebook has mounted. */
export const NEW_COPY = { written: false, pulledAt: null, savedAt: null, ...NOT_TRIED } as const

export interface MissingCopy {
  target: string
  /** One sentence for people. */
  problem: string
}

export async function missingCopies(engine: ContainerEngine, copies: readonly CopyRecord[]): Promise<MissingCopy[]> {
  const verdicts = await Promise.all(
    copies.map(async ({ target, nodeId, engineVolume }) => {
      if (nodeId !== engine.nodeId)
        return { target, problem: `Node ${nodeId}, which holds the files, is not connected.` }
      const isThere = await engine.volumeIsThere(engineVolume)
      return isThere ? null : { target, problem: 'The local copy was removed from its node before it was saved.' }
    }),
  )
  return verdicts.filter((verdict) => verdict !== null)
}
