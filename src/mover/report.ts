/**
 * What went wrong in a target's sync, file by file, and what that makes of the whole: a name that no file can have is
 * only told; a file that could not be carried fails the target after the rest was carried; a fault that is not about one
 * file ends it at once as TargetFailure.
 */
import type { FileConflict, FileProblem, TargetError } from './protocol.ts'
import { StoreError } from './store.ts'
import { codeOf, PathBlockedError } from './tree.ts'

const SHOWN = 100
/** Files that a sentence names. */
const NAMED = 3
/** So many files in a row that the store failed to serve mean that it is away. */
const STORE_PATIENCE = 8

/** Ends the target's sync. */
export class TargetFailure extends Error {
  override readonly name = 'TargetFailure'
  readonly kind: TargetError['kind']
  readonly diskFull: boolean
  constructor(kind: TargetError['kind'], message: string, options: ErrorOptions & { diskFull?: boolean } = {}) {
    super(message, options)
    this.kind = kind
    this.diskFull = options.diskFull ?? false
  }
}

/**
 * `told`: not carried, and nothing is lost by it. Otherwise by whose fault it was not carried: `store`, away in passing; `file`, no
 * mover can carry it; `data`, the store refuses. A later one outweighs those before: the retry that mends them does not mend it.
 */
export type Severity = 'told' | 'store' | 'file' | 'data'

const MILD_TO_WORSE: readonly Severity[] = ['told', 'store', 'file', 'data']

export class Report {
  readonly failures: FileProblem[] = []
  readonly conflicts: FileConflict[] = []
  deletionsHeld = 0
  #severity: Severity = 'told'
  /** The first that failed the target. */
  readonly #worst: FileProblem[] = []
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
      if (this.#worst.length < NAMED) this.#worst.push(problem)
      if (MILD_TO_WORSE.indexOf(severity) > MILD_TO_WORSE.indexOf(this.#severity)) this.#severity = severity
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
    const [first, ...others] = this.#worst
    if (this.#severity === 'told' || !first) return null
    const more = others.length > 0 ? ` Nor could ${this.#names(others)}.` : ''
    const message = `"${first.path}" could not be carried: ${first.message}${more}`
    return this.#severity === 'store'
      ? { kind: 'store', message }
      : { kind: 'data', message, ofFiles: this.#severity === 'file' }
  }

  /** An error that ended the sync, with the files that had failed before. */
  ended(error: TargetError): TargetError {
    const names = this.#worst.length > 0 ? ` Not carried before that: ${this.#names(this.#worst)}.` : ''
    return { ...error, message: `${error.message}${names}` }
  }

  /** The last of those that failed, by name as far as a sentence goes. */
  #names(last: readonly FileProblem[]): string {
    const unnamed = this.#failed - this.#worst.length
    const names = last.map(({ path }) => `"${path}"`).join(', ')
    return unnamed > 0 ? `${names} and ${unnamed} more` : names
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
