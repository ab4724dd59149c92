import { expect, test } from 'vitest'
import { couldHost } from './capacity.ts'

const GIB = 2 ** 30
const node = {
  milliCpus: 16_000,
  memoryBytes: BigInt(64 * GIB),
  gpus: ['0', '1'].map((id) => ({ id, model: 'L4 24 GiB' })),
}
const once = { cpu: 1, memory: 1 }
const cpu = { vcpus: 1, memoryBytes: 4 * GIB, gpu: null }
const gpu = { vcpus: 4, memoryBytes: 8 * GIB, gpu: 'L4 24 GiB' }

test('a node could host as many units as all of CPUs, memory and GPUs suffice for', () => {
  expect(couldHost(node, cpu, 16, once)).toBe(true)
  expect(couldHost(node, cpu, 17, once)).toBe(false)
  expect(couldHost({ ...node, milliCpus: 64_000 }, cpu, 17, once)).toBe(false)
  expect(couldHost(node, gpu, 2, once)).toBe(true)
  expect(couldHost(node, gpu, 3, once)).toBe(false)
})

test('a GPU of another model does not count', () => {
  expect(couldHost(node, { ...gpu, gpu: 'H100 80 GiB' }, 1, once)).toBe(false)
})

test('CPUs and memory may be given out several times, GPUs never', () => {
  expect(couldHost(node, cpu, 32, { cpu: 2, memory: 2 })).toBe(true)
  expect(couldHost(node, cpu, 32, { cpu: 2, memory: 1 })).toBe(false)
  expect(couldHost(node, gpu, 3, { cpu: 8, memory: 8 })).toBe(false)
})

test('a fraction of a vCPU is no more than that', () => {
  const tiny = { vcpus: 0.1, memoryBytes: 384 * 2 ** 20, gpu: null }
  expect(couldHost({ ...node, milliCpus: 100 }, tiny, 1, once)).toBe(true)
  expect(couldHost({ ...node, milliCpus: 100 }, tiny, 2, once)).toBe(false)
})
