/** Runs the real mover as a process on directories of its own, against the S3 server of this test run. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type BucketSource,
  type Plan,
  PROTOCOL,
  type ProgressLine,
  type TargetResult,
} from '../../src/mover/protocol.ts'
import { s3 } from './s3.ts'

const MAIN = fileURLToPath(new URL('../../src/mover/main.ts', import.meta.url))

export interface Place {
  bucket: string
  kind?: 'workspace' | 'volume'
  permission?: 'RO' | 'RW' | 'RWD'
  source?: Partial<BucketSource>
  /** Instead of the test server's own address. */
  allowed?: string[]
}

export interface Run {
  code: number | null
  signal: NodeJS.Signals | null
  lines: ProgressLine[]
  stderr: string
  /** Null when the mover left none. */
  result: TargetResult | null
}

/** One local copy and its side directory. */
export class LocalCopy implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'cahier-data-'))
  readonly dataDir = join(this.root, 'data')
  readonly sideDir = join(this.root, 'side')
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
    mkdirSync(this.dataDir)
  }

  path(path: string): string {
    return join(this.dataDir, path)
  }

  pull(): Promise<Run> {
    return this.run('pull')
  }

  push(): Promise<Run> {
    return this.run('push')
  }

  /** `interrupt` is called with every progress line while the mover runs. */
  run(direction: Plan['direction'], interrupt?: (line: ProgressLine, mover: ChildProcess) => void): Promise<Run> {
    const mover = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'pipe'] })
    const run: Run = { code: null, signal: null, lines: [], stderr: '', result: null }
    createInterface({ input: mover.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as ProgressLine
      run.lines.push(line)
      interrupt?.(line, mover)
    })
    mover.stderr.setEncoding('utf8').on('data', (text: string) => {
      run.stderr += text
    })
    mover.stdin.end(JSON.stringify(this.#plan(direction)))
    return new Promise((resolve, reject) => {
      mover.on('error', reject)
      mover.on('close', (code, signal) => {
        const file = join(this.sideDir, 'result.json')
        const result = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as TargetResult) : null
        resolve({ ...run, code, signal, result })
      })
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }

  #plan(direction: Plan['direction']): Plan {
    const { endpoint, region, accessKey, secretKey } = s3()
    const { bucket, kind = 'volume', permission = 'RW', source, allowed = [new URL(endpoint).host] } = this.#place
    const { dataDir, sideDir } = this
    const keys = { accessKeyId: accessKey, secretAccessKey: secretKey }
    return {
      protocol: PROTOCOL,
      operation: 'operation',
      direction,
      notebook: 'heron',
      targets: [
        {
          id: 'target',
          kind,
          permission,
          dataDir,
          sideDir,
          source: { type: 'bucket', endpoint, region, ...keys, pathStyle: true, bucket, prefix: '', ...source },
          reserved: [],
        },
      ],
      allowedPrivateAddresses: allowed,
      confirmDeletions: false,
      diskReserve: { share: 0, bytes: 0 },
    }
  }
}
