import { expect, test } from 'vitest'
import { QuotaExceededError } from './errors.ts'
import { assertWithinQuota, holdingOf } from './quota.ts'

const GIB = 2 ** 30
const unused = { maxGpus: 4, maxVcpus: 24, usedGpus: 0, usedMilliCpus: 0 }
const tiny = holdingOf({ vcpus: 0.1, memoryBytes: GIB, gpu: null }, 3)
const gpus = (units: number) => holdingOf({ vcpus: 13, memoryBytes: 40 * GIB, gpu: 'V100' }, units)

test('a holding is units times what one has, GPUs only for GPU flavors', () => {
  expect(tiny).toEqual({ heldMilliCpus: 300, heldMemoryBytes: BigInt(3 * GIB), heldGpus: 0, heldGpuModel: null })
  expect(gpus(2)).toEqual({
    heldMilliCpus: 26_000,
    heldMemoryBytes: BigInt(80 * GIB),
    heldGpus: 2,
    heldGpuModel: 'V100',
  })
})

test('the last unit of a quota may be taken, not one more', () => {
  assertWithinQuota({ ...unused, usedMilliCpus: 23_700 }, tiny)
  expect(() => assertWithinQuota({ ...unused, usedMilliCpus: 23_701 }, tiny)).toThrow(QuotaExceededError)
  assertWithinQuota({ ...unused, usedGpus: 2 }, gpus(2))
  expect(() => assertWithinQuota({ ...unused, usedGpus: 3 }, gpus(2))).toThrow(
    'The project may use 4 GPUs; 3 are in use and 2 were asked for.',
  )
})

test('GPUs and vCPUs do not stand in each other’s way', () => {
  assertWithinQuota({ ...unused, usedMilliCpus: 24_000 }, gpus(4))
  assertWithinQuota({ ...unused, usedGpus: 4 }, tiny)
})
