/**
 * What a build is given: the files of a folder, the same bytes for the same content wherever the clone lies, whoever
 * owns it and whenever it was checked out.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'

export interface ContextFile {
  /** Relative, with slashes. */
  path: string
  executable: boolean
  content: Buffer
}

/** Every file below the folder, sorted by path. Throws when there is no such folder. */
export function readContext(folder: string): ContextFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .flatMap((path) => {
      const status = statSync(join(folder, path))
      if (!status.isFile()) return []
      return { path, executable: (status.mode & 0o100) !== 0, content: readFileSync(join(folder, path)) }
    })
}

/** The files as a tar stream. */
export function packContext(files: ContextFile[]): Readable {
  const tar = pack()
  for (const { path, executable, content } of files)
    tar.entry({ name: path, mode: executable ? 0o755 : 0o644, mtime: new Date(0) }, content)
  tar.finalize()
  return Readable.from(tar)
}
