import { expect, test } from 'vitest'
import { PlanError, parsePlan } from './plan.ts'
import { type Plan, PROTOCOL } from './protocol.ts'

const plan: Plan = {
  protocol: PROTOCOL,
  operation: 'operation',
  direction: 'pull',
  notebook: 'heron',
  targets: [
    {
      id: 'workspace',
      kind: 'workspace',
      permission: 'RWD',
      dataDir: '/data',
      sideDir: '/side',
      source: {
        type: 'bucket',
        endpoint: 'http://127.0.0.1:9000',
        region: 'r',
        accessKeyId: 'access',
        secretAccessKey: 'hush',
        pathStyle: true,
        bucket: 'b',
        prefix: 'p/',
      },
      reserved: ['mnt'],
    },
  ],
  allowedPrivateAddresses: ['127.0.0.1:9000'],
  confirmDeletions: false,
  diskReserve: { share: 0.1, bytes: 1024 },
}

test('a plan comes through as it is', () => {
  expect(parsePlan(JSON.stringify(plan))).toEqual(plan)
})

test.each([
  ['', 'JSON'],
  ['{"secretAccessKey":"hush"', 'JSON'],
  [JSON.stringify({ ...plan, protocol: 2 }), 'protocol version 1'],
  [JSON.stringify({ ...plan, direction: 'sideways' }), 'direction'],
  [JSON.stringify({ ...plan, targets: {} }), 'targets'],
  [JSON.stringify({ ...plan, diskReserve: { share: -1, bytes: 0 } }), 'diskReserve.share'],
  [JSON.stringify({ ...plan, targets: [{ ...plan.targets[0], dataDir: 'relative' }] }), 'targets[0].dataDir'],
  [
    JSON.stringify({ ...plan, targets: [{ ...plan.targets[0], source: { ...plan.targets[0]?.source, prefix: 'p' } }] }),
    'prefix',
  ],
  [
    JSON.stringify({
      ...plan,
      targets: [{ ...plan.targets[0], source: { ...plan.targets[0]?.source, endpoint: 'ftp://x' } }],
    }),
    'endpoint',
  ],
])('anything else is refused with what is wrong, and without its values', (text, message) => {
  const refused = () => parsePlan(text)
  expect(refused).toThrow(PlanError)
  expect(refused).toThrow(message)
  expect(refused).not.toThrow('hush')
})
