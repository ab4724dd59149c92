/**
 * Which GPUs a node has, by the names that flavors use. Pure: it reads what Docker and the driver's own tool say. Drivers name
 * a card in many ways ("Tesla V100S-PCIE-32GB", "NVIDIA H100 80GB HBM3"); a model here is the chip and its nominal memory.
 */
import type { NodeCapacity } from '../port.ts'

export type Gpu = NodeCapacity['gpus'][number]

/** Arguments with which nvidia-smi prints what `parseNvidiaSmi` reads: one line per GPU. */
export const NVIDIA_SMI = ['--query-gpu=uuid,name,memory.total', '--format=csv,noheader,nounits']

/** What cards are sold with, in GiB. The driver reports some percent less: of some it keeps a part for itself. */
const NOMINAL_GIB = [4, 6, 8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 94, 96, 141, 180, 192, 288]

/** Form, bus and memory in a card's name: they tell cards of one model apart. */
const VARIANT = /^(PCI-?E|SXM\d*|NVL|HBM\d\w*|\d+GB)$/i

/** "Tesla V100S 32 GiB" for "Tesla V100S-PCIE-32GB" with 32510 MiB. */
export function gpuModel(name: string, memoryMib: number): string {
  const chip = name
    .replace(/^NVIDIA\s+/i, '')
    .split(/[\s-]+/)
    .filter((word) => !VARIANT.test(word))
    .join(' ')
  const gib = memoryMib / 1024
  return `${chip} ${NOMINAL_GIB.find((nominal) => gib <= nominal) ?? Math.round(gib)} GiB`
}

/** Lines that are not of a GPU, as of one that fell off the bus, are left out. */
export function parseNvidiaSmi(output: string): Gpu[] {
  return output.split('\n').flatMap((line) => {
    const [id = '', name = '', memory = ''] = line.split(',').map((part) => part.trim())
    return id.startsWith('GPU-') && Number(memory) > 0 ? [{ id, model: gpuModel(name, Number(memory)) }] : []
  })
}

/** The part of Docker's own description that tells of GPUs; newer daemons list devices, older ones know a runtime. */
export interface DockerInfo {
  Runtimes?: Record<string, unknown> | null
  DiscoveredDevices?: { Source: string; ID: string }[] | null
}

/** Whether the daemon is set up to hand GPUs to containers. */
export function handsOutGpus({ Runtimes, DiscoveredDevices }: DockerInfo): boolean {
  return Boolean(Runtimes?.nvidia) || (DiscoveredDevices ?? []).some(({ ID }) => ID.startsWith('nvidia.com/gpu='))
}
