/**
 * Where the embedded parts keep things: data and logs below CAHIER_HOME, sockets in a short folder of the system's run
 * directory, because the path of a socket ends at 107 bytes and CAHIER_HOME may be anywhere.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A part could not be brought up. The message is one sentence, and may be followed by the part's own last words. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError'
}

/** Eight hexadecimal digits that stand for this CAHIER_HOME on this machine. */
export function homeDigest(home: string): string {
  return createHash('sha256').update(home).digest('hex').slice(0, 8)
}

export function runFolder(home: string): string {
  return join(runDirectory(), `cahier-${homeDigest(home)}`)
}

function runDirectory(): string {
  const uid = process.getuid?.()
  if (uid === 0) return '/run'
  const ofUser = `/run/user/${uid}`
  return existsSync(ofUser) ? ofUser : tmpdir()
}

/** Makes home and run folder where they are missing. Throws EmbeddedError when the run folder is somebody else's. */
export async function makeFolders(home: string): Promise<void> {
  await mkdir(home, { recursive: true })
  const folder = runFolder(home)
  await mkdir(folder, { recursive: true })
  const status = await lstat(folder)
  if (!status.isDirectory() || status.uid !== process.getuid?.())
    throw new EmbeddedError(`The folder ${folder} belongs to somebody else; remove it, or set another CAHIER_HOME.`)
  // Others may pass through to the part that runs as them, but not look around.
  await chmod(folder, 0o711)
}

/** Removes what a part left in the run folder, and the folder with the last part. */
export async function clearRunFolder(home: string, names: string[]): Promise<void> {
  for (const name of names) await rm(join(runFolder(home), name), { recursive: true, force: true })
  try {
    await rmdir(runFolder(home))
  } catch (error) {
    if (!['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
