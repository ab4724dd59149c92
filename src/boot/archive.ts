/**
 * The file of a backup: a compressed tar of parts, with a manifest at its end that tells each part's digest. It is written aside,
 * flushed and renamed, so there is a whole backup or none; and it is read through and checked before anything is made of it.
 */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { extract, pack } from 'tar-stream'

/** The file cannot be used. The message is one sentence. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

const MANIFEST = 'manifest.json'

/** Digests by the names of the parts. */
type Digests = Record<string, string>

export class ArchiveWriter {
  readonly #file: string
  readonly #folder: string
  readonly #tar = pack()
  readonly #written: Promise<void>
  readonly #digests: Digests = {}

  private constructor(file: string, folder: string) {
    this.#file = file
    this.#folder = folder
    this.#written = pipeline(this.#tar, createGzip({ level: 5 }), createWriteStream(this.#aside, { mode: 0o600 }))
    // Shows when it is awaited.
    this.#written.catch(() => undefined)
  }

  get #aside(): string {
    return join(this.#folder, 'backup')
  }

  /** A folder beside the file, in which parts are gathered, is there until it is finished or given up. */
  static async create(file: string): Promise<ArchiveWriter> {
    return new ArchiveWriter(file, await mkdtemp(join(dirname(file), '.cahier-backup-')))
  }

  /** The part's size must be known before its bytes, so it goes through a file. Answers its bytes. */
  async add(name: string, content: Readable): Promise<number> {
    const spool = join(this.#folder, randomUUID())
    const hash = createHash('sha256')
    content.on('data', (chunk: Buffer) => hash.update(chunk))
    await pipeline(content, createWriteStream(spool, { mode: 0o600 }))
    const { size } = await stat(spool)
    await pipeline(createReadStream(spool), this.#tar.entry({ name, size, mode: 0o600 }))
    await rm(spool)
    this.#digests[name] = hash.digest('hex')
    return size
  }

  async finish(manifest: object): Promise<void> {
    this.#tar.entry({ name: MANIFEST, mode: 0o600 }, JSON.stringify({ ...manifest, digests: this.#digests }))
    this.#tar.finalize()
    await this.#written
    await flush(this.#aside)
    await rename(this.#aside, this.#file)
    await flush(dirname(this.#file))
    await rm(this.#folder, { recursive: true })
  }

  async giveUp(): Promise<void> {
    this.#tar.destroy()
    await this.#written.catch(() => undefined)
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The parts in their order. Each must be read to its end. Throws BackupError when the file is damaged. */
export async function* partsOf(file: string): AsyncGenerator<{ name: string; content: Readable }> {
  const tar = extract()
  const reading = pipeline(createReadStream(file), createGunzip(), tar)
  reading.catch(() => undefined)
  try {
    for await (const entry of tar) yield { name: entry.header.name, content: entry as unknown as Readable }
    await reading
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR')
      throw new BackupError(`${file} cannot be read.`, { cause })
    throw isOfTheFile(cause) ? damaged(file, cause) : cause
  } finally {
    tar.destroy()
  }
}

/** What gzip and tar say of bytes that are not theirs. */
function isOfTheFile(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return /^Z_/.test(code ?? '') || /tar header|Unexpected end|premature close/i.test(message)
}

/** Reads everything and answers the manifest. Throws BackupError unless every part is as it was written. */
export async function checkedManifest(file: string): Promise<unknown> {
  const digests: Digests = {}
  let manifest: { digests: Digests } | null = null
  try {
    for await (const { name, content } of partsOf(file))
      if (name === MANIFEST) manifest = parsed(await text(content))
      else digests[name] = await digestOf(content)
  } catch (cause) {
    throw isOfTheFile(cause) ? damaged(file, cause) : cause
  }
  if (!manifest || JSON.stringify(manifest.digests) !== JSON.stringify(digests)) throw damaged(file)
  return manifest
}

async function digestOf(content: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of content) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function parsed(json: string): { digests: Digests } | null {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

function damaged(file: string, cause?: unknown): BackupError {
  return new BackupError(`${file} is damaged, or no backup of Cahier: nothing was done with it.`, { cause })
}
