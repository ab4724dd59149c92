/** A local copy in a temporary directory and a bucket in memory, with pull and push between them. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MemoryBucket, MemoryStore } from './memory-store.ts'
import {
  type DiskReserve,
  type Plan,
  PROTOCOL,
  type ProgressLine,
  RESULT_FILE,
  type Target,
  type TargetResult,
} from './protocol.ts'
import { run } from './run.ts'

export interface TrialOptions {
  kind?: Target['kind']
  permission?: Target['permission']
  prefix?: string
  reserved?: string[]
  diskReserve?: DiskReserve
}

const NO_RESERVE = { share: 0, bytes: 0 }

export class Trial implements Disposable {
  readonly bucket: MemoryBucket
  readonly root = mkdtempSync(join(tmpdir(), 'mover-'))
  readonly dataDir = join(this.root, 'data')
  readonly sideDir = join(this.root, 'side')
  readonly lines: ProgressLine[] = []
  exitCode = -1
  readonly #options: TrialOptions

  /** With the bucket of another trial: a second notebook, or a fresh local copy. */
  constructor(options: TrialOptions = {}, bucket = new MemoryBucket()) {
    this.#options = options
    this.bucket = bucket
    mkdirSync(this.dataDir)
  }

  pull(): Promise<TargetResult> {
    return this.#run('pull', false, new AbortController().signal)
  }

  push({ confirmDeletions = false, signal = new AbortController().signal } = {}): Promise<TargetResult> {
    return this.#run('push', confirmDeletions, signal)
  }

  /** Writes a file here; every write has an mtime of its own. */
  write(path: string, content: string | Buffer): void {
    mkdirSync(dirname(this.path(path)), { recursive: true })
    writeFileSync(this.path(path), content)
  }

  /** Gives a file another mtime. */
  touch(path: string): void {
    utimesSync(this.path(path), 1_000_000_000, 1_000_000_000)
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true })
  }

  path(path: string): string {
    return join(this.dataDir, path)
  }

  text(path: string): string {
    return readFileSync(this.path(path), 'utf8')
  }

  /** Everything that lies here: files with their content, symlinks as `-> target`, empty folders as `/`. */
  tree(): Record<string, string> {
    return treeOf(this.dataDir)
  }

  mode(path: string): number {
    return statSync(this.path(path)).mode & 0o777
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  async #run(direction: Plan['direction'], confirmDeletions: boolean, signal: AbortSignal): Promise<TargetResult> {
    const { kind = 'volume', permission = 'RW', prefix = '', reserved = [], diskReserve = NO_RESERVE } = this.#options
    const source = {
      type: 'bucket' as const,
      endpoint: 'https://store.example',
      region: 'r',
      accessKeyId: 'a',
      secretAccessKey: 's',
      pathStyle: true,
      bucket: 'bucket',
      prefix,
    }
    const { dataDir, sideDir } = this
    const plan: Plan = {
      protocol: PROTOCOL,
      operation: 'operation',
      direction,
      notebook: 'heron',
      targets: [{ id: 'target', kind, permission, dataDir, sideDir, source, reserved }],
      allowedPrivateAddresses: [],
      confirmDeletions,
      diskReserve,
    }
    const openStore = (_: Target, end: AbortSignal) => new MemoryStore(this.bucket, end)
    this.exitCode = await run(
      plan,
      { openStore, write: (line) => this.lines.push(line), onBug: () => undefined },
      signal,
    )
    return JSON.parse(readFileSync(join(sideDir, RESULT_FILE), 'utf8')) as TargetResult
  }
}

/** As Trial.tree, of any directory. */
export function treeOf(root: string, below = ''): Record<string, string> {
  const tree: Record<string, string> = {}
  for (const name of readdirSync(join(root, below)).sort()) {
    const path = below ? `${below}/${name}` : name
    const stats = lstatSync(join(root, path))
    if (stats.isSymbolicLink()) tree[path] = `-> ${readlinkSync(join(root, path))}`
    else if (stats.isFile()) tree[path] = readFileSync(join(root, path), 'utf8')
    else if (!stats.isDirectory()) tree[path] = 'special'
    else if (readdirSync(join(root, path)).length === 0) tree[path] = '/'
    else Object.assign(tree, treeOf(root, path))
  }
  return tree
}
