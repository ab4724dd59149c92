/**
 * Carries the files of a volume that nobody knows into the bucket of workspaces, below a prefix of their own. A mover of its own
 * does it, with the volume read-only, so nothing is changed or removed; done means verified in the bucket, as with every push.
 */
import { workspaceTarget } from '../data/plan.ts'
import { parseProgress, parseResult } from '../data/progress.ts'
import type { VolumeStatus } from '../engine/port.ts'
import {
  MOVER_PATHS,
  type Plan,
  PROTOCOL,
  type ProgressLine,
  RESULT_FILE,
  type TargetResult,
} from '../mover/protocol.ts'
import type { ControllerParts } from './parts.ts'
import { moverSpec } from './steps/containers.ts'

export type RescueParts = Pick<
  ControllerParts,
  'engine' | 'installation' | 'platformStore' | 'workspaceBucket' | 'allowedPrivateAddresses' | 'clock'
>

export interface Rescue {
  /** Below it the files lie, by their paths in the volume. */
  prefix: string
  /** Null: the mover ended without a result. */
  result: TargetResult | null
}

/** `operation`: a uuid of this rescue's own. */
export async function rescueVolume(
  parts: RescueParts,
  volume: VolumeStatus,
  operation: string,
  onProgress: (line: ProgressLine | null) => void,
): Promise<Rescue> {
  const { engine, clock } = parts
  const time = clock
    .now()
    .toISOString()
    .replace(/[-:]|\.\d+/g, '')
  const prefix = `recovered/${volume.notebook}/${time}/`
  const side = `${volume.name}-rescue-${operation.slice(0, 8)}`
  const id = await createMover(parts, volume, side)
  try {
    await engine.start(id, JSON.stringify(planOf(parts, volume, prefix, operation)))
    for await (const line of engine.lines(id, new AbortController().signal)) onProgress(parseProgress(line))
    const file = await engine.readFile(id, `${MOVER_PATHS.side}/workspace/${RESULT_FILE}`)
    return { prefix, result: parseResult(file, operation) }
  } finally {
    await engine.remove(id, { force: true })
    await engine.removeVolume(side)
  }
}

function createMover(parts: RescueParts, { name, notebook }: VolumeStatus, side: string): Promise<string> {
  const { engine, installation, clock } = parts
  return engine.create({
    identity: { installation, notebook, generation: Math.floor(clock.now().getTime() / 1000), role: 'rescue' },
    ...moverSpec([
      { volume: name, path: MOVER_PATHS.workspace, readOnly: true },
      { volume: side, path: MOVER_PATHS.side, readOnly: false },
    ]),
  })
}

/** As a workspace: symbolic links and empty folders are carried too. */
function planOf(parts: RescueParts, { notebook }: VolumeStatus, prefix: string, operation: string): Plan {
  return {
    protocol: PROTOCOL,
    operation,
    direction: 'push',
    notebook,
    targets: [workspaceTarget(parts, prefix, [])],
    allowedPrivateAddresses: [...parts.allowedPrivateAddresses],
    confirmDeletions: false,
    diskReserve: { share: 0, bytes: 0 },
  }
}
