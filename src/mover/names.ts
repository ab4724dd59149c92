/**
 * Which object keys can be files of a volume, and under what name a second version is laid beside a first.
 * A key that is refused here never reaches a file system call.
 */

/** Where files are written before they are renamed into place: at the root of a volume, never content. */
export const ASIDE = '.cahier-aside'

/** S3's limit, in bytes of UTF-8, for a whole key; every file system's for one name. */
export const MAX_KEY_BYTES = 1024
const MAX_NAME_BYTES = 255

/** Why no file can have this path (a key without the volume's prefix), or null when one can. A trailing '/' is a directory's. */
export function refusePath(path: string): string | null {
  if (path.includes('\0')) return 'The key has a NUL character, which no file name can have.'
  if (path.startsWith('/')) return 'The key begins with "/", so that no file of the volume can have this name.'
  const names = path.split('/')
  if (names.at(-1) === '') names.pop()
  for (const name of names) {
    if (name === '') return 'The key has "//" in it: a file name cannot be empty.'
    if (name === '.' || name === '..') return `The key has "${name}" as a name, which would lead elsewhere.`
    if (Buffer.byteLength(name) > MAX_NAME_BYTES)
      return `The key has a name of more than ${MAX_NAME_BYTES} bytes, which no file name can have.`
  }
  if (names[0] === ASIDE) return `The name "${ASIDE}" is reserved.`
  return null
}

/** Why this path of a file here cannot be a key below `prefix`, or null when it can. */
export function refuseKey(prefix: string, path: string): string | null {
  return Buffer.byteLength(prefix) + Buffer.byteLength(path) > MAX_KEY_BYTES
    ? `With its folder the name has more than ${MAX_KEY_BYTES} bytes, which no object key can have.`
    : null
}

/**
 * The path beside `path` for a second version: `name.<label>-<time>.ext`; `attempt` > 0 adds `-<attempt>` for a name
 * that is taken. The time is the version's own, in nanoseconds since 1970, so that the same version gets the same name.
 */
export function besidePath(path: string, label: string, time: string, attempt: number): string {
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash)
  const dot = name.lastIndexOf('.')
  const stem = dot > 0 ? name.slice(0, dot) : name
  const extension = dot > 0 ? name.slice(dot) : ''
  const infix = `.${label.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 80)}-${stamp(time)}${attempt > 0 ? `-${attempt}` : ''}`
  const room = MAX_NAME_BYTES - Buffer.byteLength(infix)
  const kept = Buffer.byteLength(extension) < 32 ? extension : ''
  return path.slice(0, slash) + cut(kept === extension ? stem : name, room - Buffer.byteLength(kept)) + infix + kept
}

/** `20250131T093000.250Z` without the dot, which would look like an extension. */
function stamp(nanoseconds: string): string {
  return new Date(Number(BigInt(nanoseconds) / 1_000_000n)).toISOString().replace(/[-:.]/g, '')
}

/** The longest start of a text that has at most so many bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  let kept = ''
  let size = 0
  for (const character of text) {
    size += Buffer.byteLength(character)
    if (size > bytes) break
    kept += character
  }
  return kept
}

/** Whether a path lies below one of the reserved ones, or is the folder itself: it belongs to another volume. */
export function isReserved(path: string, reserved: readonly string[]): boolean {
  return reserved.some((place) => path.startsWith(`${place}/`))
}

/** Whether a file at this path would lie where a reserved path needs a folder. */
export function isInTheWay(path: string, reserved: readonly string[]): boolean {
  return reserved.some((place) => path === place || place.startsWith(`${path}/`))
}
