/**
 * Where a volume may be mounted and which part of which bucket it may show. Each check answers a sentence about what is
 * wrong, or null.
 */

export const MAX_VOLUMES = 10
const MAX_MOUNT_PATH = 255
const MAX_PREFIX_BYTES = 512

const CONTROL = /\p{Cc}/u

/** Top-level directories that belong to the image. A volume may make a new one beside them, but not hide one of these. */
const SYSTEM_DIRECTORIES = new Set(
  'bin boot dev etc home lib lib32 lib64 libx32 lost+found media opt proc root run sbin srv sys tmp usr var'.split(' '),
)

/** The path as it is kept: without a slash at the end. */
export function normalMountPath(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** `path` in normal form. */
export function mountPathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'must be absolute, such as /workspace/data.'
  if (path.length > MAX_MOUNT_PATH) return `must have at most ${MAX_MOUNT_PATH} characters.`
  if (CONTROL.test(path) || path.includes(':')) return 'must not contain ":" or control characters.'
  const segments = path.slice(1).split('/')
  if (segments.includes('..') || segments.includes('.')) return 'must not contain "." or ".." as a directory.'
  if (segments.includes('')) return 'must name a directory and must not contain "//".'
  return placeProblem(segments)
}

function placeProblem([top = '', ...below]: readonly string[]): string | null {
  if (top === 'workspace')
    return below.length > 0 ? null : 'must not be /workspace itself, which is the notebook’s own.'
  if (top === 'mnt') return below.length > 0 ? null : 'must not be /mnt itself, but may lie below it.'
  if (SYSTEM_DIRECTORIES.has(top) || top.startsWith('.')) return `must not lie in the system directory /${top}.`
  return below.length === 0 ? null : 'must lie below /workspace or /mnt, or be a new top-level directory.'
}

/** What is wrong with `path` beside the `others` before it, all in normal form. */
export function mountClash(path: string, others: readonly string[]): string | null {
  if (others.includes(path)) return 'is the mount path of another volume already.'
  const nested = others.find((other) => path.startsWith(`${other}/`) || other.startsWith(`${path}/`))
  return nested === undefined ? null : `must not lie inside another volume, or around it: ${nested}.`
}

/** Names as stores really have them: S3's rule, and also capitals and "_", which some stores allow. */
export function bucketProblem(bucket: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(bucket) && !bucket.includes('..')
    ? null
    : 'must be a bucket name: 3 to 63 letters, digits, ".", "-" and "_", beginning and ending with a letter or digit.'
}

/** The prefix as it is kept: empty, or with a slash at the end. */
export function normalPrefix(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
}

/** `prefix` in normal form. */
export function prefixProblem(prefix: string): string | null {
  if (Buffer.byteLength(prefix) > MAX_PREFIX_BYTES) return `must have at most ${MAX_PREFIX_BYTES} bytes.`
  if (CONTROL.test(prefix)) return 'must not contain control characters.'
  const segments = prefix.split('/').slice(0, -1)
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..')
    ? 'must be a path such as "data/2026", without "//", "." or ".." and without a slash at the beginning.'
    : null
}
