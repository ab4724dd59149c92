/**
 * The GPUs of the node: those that the operator names, else those that the driver's own tool lists, where the daemon is on this
 * machine and set up to hand them out. A daemon elsewhere cannot be asked which it has.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type DockerInfo, type Gpu, handsOutGpus, NVIDIA_SMI, parseNvidiaSmi } from '../engine/docker/gpus.ts'
import { findProgram } from '../host/programs.ts'

const ASK_MS = 20_000

/** Asked once, at boot. Says in a sentence when GPUs that may be there cannot be used. `named`: null unless the operator named some. */
export async function findGpus(
  named: readonly Gpu[] | null,
  info: DockerInfo,
  dockerHost: string,
  say: (line: string) => void,
): Promise<readonly Gpu[]> {
  if (named) return named
  if (!handsOutGpus(info)) return []
  const program = dockerHost.startsWith('unix:') ? await findProgram('nvidia-smi') : null
  if (!program) {
    say('Warning: Docker can hand out GPUs, but which it has cannot be asked from here. GPUS names them.')
    return []
  }
  try {
    return parseNvidiaSmi((await promisify(execFile)(program, NVIDIA_SMI, { timeout: ASK_MS })).stdout)
  } catch (error) {
    say(`Warning: no GPU is used, because nvidia-smi failed: ${(error as Error).message.trim()}`)
    return []
  }
}
