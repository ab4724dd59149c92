import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseCatalogue } from '../../domain/catalogue.ts'
import { gpuModel, handsOutGpus, parseNvidiaSmi } from './gpus.ts'

/** Names and memory as drivers report them. */
const REPORTED: [string, number, string][] = [
  ['Tesla V100S-PCIE-32GB', 32510, 'Tesla V100S 32 GiB'],
  ['Tesla V100-SXM2-16GB', 16160, 'Tesla V100 16 GiB'],
  ['NVIDIA L4', 23034, 'L4 24 GiB'],
  ['NVIDIA L40S', 46068, 'L40S 48 GiB'],
  ['NVIDIA H100 PCIe', 81559, 'H100 80 GiB'],
  ['NVIDIA H100 80GB HBM3', 81559, 'H100 80 GiB'],
  ['NVIDIA A100-SXM4-40GB', 40536, 'A100 40 GiB'],
  ['NVIDIA RTX A6000', 49140, 'RTX A6000 48 GiB'],
  ['NVIDIA GeForce RTX 4090', 24564, 'GeForce RTX 4090 24 GiB'],
]

test.each(REPORTED)('the driver’s "%s" with %i MiB is a "%s"', (name, memory, model) => {
  expect(gpuModel(name, memory)).toBe(model)
})

test('every GPU flavor of the catalogue names a model that a driver’s name leads to', () => {
  const { flavors } = parseCatalogue(readFileSync(new URL('../../../images/catalogue.json', import.meta.url), 'utf8'))
  const models = flavors.flatMap(({ gpu }) => gpu ?? [])
  expect(REPORTED.map(([, , model]) => model)).toEqual(expect.arrayContaining(models))
})

test('GPUs are read one by one, and what is none is left out', () => {
  const output =
    'GPU-1a, NVIDIA L4, 23034\nUnable to determine the device handle: GPU is lost\nGPU-2b, NVIDIA L4, 23034\n'
  expect(parseNvidiaSmi(output)).toEqual([
    { id: 'GPU-1a', model: 'L4 24 GiB' },
    { id: 'GPU-2b', model: 'L4 24 GiB' },
  ])
})

test('Docker hands out GPUs when it has the runtime for them, or lists such devices', () => {
  expect(handsOutGpus({ Runtimes: { runc: {}, nvidia: {} } })).toBe(true)
  expect(handsOutGpus({ Runtimes: { runc: {} }, DiscoveredDevices: [{ Source: 'cdi', ID: 'nvidia.com/gpu=0' }] })).toBe(
    true,
  )
  expect(handsOutGpus({ Runtimes: { runc: {} }, DiscoveredDevices: null })).toBe(false)
})
