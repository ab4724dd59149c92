/**
 * What went wrong in a target's sync, file by file, and what that makes of the whole: a name that no file can have is
 * only told; a file that could not be carried fails the target after the rest was carried; a fault that is not about one
 * file ends it at once as TargetFailure.
 */
import type { FileConflict, FileProblem, TargetError } from './protocol.ts'
import { StoreError } from './store.ts'
import { codeOf, PathBlockedError } from './tree.ts'

const SHOWN = 100
/** So many files in a row that the store failed to serve mean that it is away. */
const STORE_PATIENCE = 8

/** Ends the target's sync. */
export class TargetFailure extends Error {
  override readonly name = 'TargetFailure'
  readonly kind: TargetError['kind']
  constructor(kind: TargetError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** `told`: not carried, and nothing is lost by it. `data`, `store`: not carried, by whose fault. */
export type Severity = 'told' | 'data' | 'store'

export class Report {
  readonly failures: FileProblem[] = []
  readonly conflicts: FileConflict[] = []
  deletionsHeld = 0
  #worst: Severity = 'told'
  #firstWorst: FileProblem | null = null
  #failed = 0
  #storeFaultsInARow = 0
  readonly #onFailure: () => void

  constructor(onFailure: () => void) {
    this.#onFailure = onFailure
  }

  fail(path: string, message: string, severity: Severity): void {
    const problem = { path: printable(path), message }
    if (this.failures.length < SHOWN) this.failures.push(problem)
    if (severity !== 'told') {
      this.#failed++
      this.#firstWorst ??= problem
      // A fault of the user's side outweighs the store's: a retry alone will not mend it.
      if (this.#worst !== 'data') this.#worst = severity
    }
    this.#onFailure()
  }

  conflict(path: string, keptAs: string): void {
    if (this.conflicts.length < SHOWN) this.conflicts.push({ path: printable(path), keptAs: printable(keptAs) })
  }

  /** Something was carried: the store answers. */
  succeeded(): void {
    this.#storeFaultsInARow = 0
  }

  /** Takes an error that one file met as that file's failure, or throws what ends the sync. */
  take(path: string, error: unknown, localFault: Severity): void {
    if (error instanceof StoreError) {
      if (error.kind === 'bucket-missing') throw error
      if (error.kind === 'unavailable' && ++this.#storeFaultsInARow >= STORE_PATIENCE) throw error
      this.fail(path, error.message, error.kind === 'unavailable' ? 'store' : 'data')
      return
    }
    const sentence = error instanceof PathBlockedError ? error.message : LOCAL_FAULTS[codeOf(error)]
    if (!sentence) throw error
    this.fail(path, sentence, localFault)
  }

  /** What the failures of single files make of the target; null when nothing is lost. */
  outcome(): TargetError | null {
    if (this.#worst === 'told' || !this.#firstWorst) return null
    const { path, message } = this.#firstWorst
    const others = this.#failed > 1 ? ` ${this.#failed - 1} more could not be carried.` : ''
    return { kind: this.#worst, message: `"${path}" could not be carried: ${message}${others}` }
  }
}

const LOCAL_FAULTS: Record<string, string> = {
  ENOENT: 'It was removed in the meantime.',
  EACCES: 'Permission denied.',
  EPERM: 'The operation is not permitted.',
  EISDIR: 'A folder lies there.',
  ENOTDIR: 'A file lies where a folder should be.',
  ENOTEMPTY: 'A folder that is not empty lies there.',
  EEXIST: 'Something else lies there.',
  ELOOP: 'A symbolic link lies there.',
  ENAMETOOLONG: 'The name is too long for the file system.',
  EILSEQ: 'The file system does not accept it.',
  EINVAL: 'The file system does not accept it.',
  EFBIG: 'The file is too large for the file system.',
  EIO: 'The disk failed to read or write it.',
  ENXIO: 'It is not a regular file any more.',
  ETXTBSY: 'The file is in use.',
  EROFS: 'The file system is read-only.',
}

/** NUL and other control characters of a hostile name would garble what shows it. */
function printable(path: string): string {
  return Array.from(path, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character
  }).join('')
}
