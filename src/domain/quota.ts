/**
 * What notebooks hold, and how much of it a project may. GPU flavors count in GPUs, CPU flavors in vCPUs; the vCPUs that
 * come with a GPU count against a node, but not against the quota.
 */
import type { Flavor } from './catalogue.ts'
import { QuotaExceededError } from './errors.ts'

/** As it stands on the notebook. */
export interface Held {
  heldMilliCpus: number
  heldMemoryBytes: bigint
  heldGpus: number
  /** Of those GPUs; null: none. */
  heldGpuModel: string | null
}

export function holdingOf(flavor: Pick<Flavor, 'vcpus' | 'memoryBytes' | 'gpu'>, units: number): Held {
  return {
    heldMilliCpus: Math.round(flavor.vcpus * 1000 * units),
    heldMemoryBytes: BigInt(flavor.memoryBytes) * BigInt(units),
    heldGpus: flavor.gpu === null ? 0 : units,
    heldGpuModel: flavor.gpu,
  }
}

export interface QuotaUse {
  maxGpus: number
  maxVcpus: number
  usedGpus: number
  /** Thousandths of a vCPU, of CPU flavors only. */
  usedMilliCpus: number
}

/** Throws QuotaExceededError when `held` does not fit beside what is in use. */
export function assertWithinQuota(use: QuotaUse, held: Held): void {
  if (held.heldGpus > 0) {
    if (use.usedGpus + held.heldGpus > use.maxGpus)
      throw new QuotaExceededError('GPUs', { limit: use.maxGpus, used: use.usedGpus, requested: held.heldGpus })
  } else if (use.usedMilliCpus + held.heldMilliCpus > use.maxVcpus * 1000)
    throw new QuotaExceededError('vCPUs', {
      limit: use.maxVcpus,
      used: use.usedMilliCpus / 1000,
      requested: held.heldMilliCpus / 1000,
    })
}
