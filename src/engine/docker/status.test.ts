import type Dockerode from 'dockerode'
import { expect, test } from 'vitest'
import { containerLabels } from './names.ts'
import { statusFromInspect, statusFromList } from './status.ts'

const identity = { installation: 'i', notebook: 'n', generation: 3, role: 'notebook' } as const
const NEVER = '0001-01-01T00:00:00Z'

/** What an inspect call answers, as far as it matters here. */
function inspected(
  state: Partial<Dockerode.ContainerInspectInfo['State']>,
  ports = {},
): Dockerode.ContainerInspectInfo {
  return {
    Id: 'id',
    Created: '2026-03-01T10:00:00.123456789Z',
    State: { Status: 'running', OOMKilled: false, ExitCode: 0, StartedAt: NEVER, FinishedAt: NEVER, ...state },
    Config: { Labels: containerLabels(identity) },
    NetworkSettings: { Ports: ports },
  } as Dockerode.ContainerInspectInfo
}

function listed(info: Partial<Dockerode.ContainerInfo>): Dockerode.ContainerInfo {
  const defaults = { Id: 'id', Created: 1_700_000_000, State: 'running', Ports: [], Labels: containerLabels(identity) }
  return { ...defaults, ...info } as Dockerode.ContainerInfo
}

test('an ended container has an exit code and times, cut to milliseconds', () => {
  const info = inspected({
    Status: 'exited',
    ExitCode: 137,
    OOMKilled: true,
    StartedAt: '2026-03-01T10:00:01.999999999Z',
    FinishedAt: '2026-03-01T10:00:02Z',
  })
  expect(statusFromInspect(info)).toEqual({
    id: 'id',
    identity,
    state: 'exited',
    exitCode: 137,
    oomKilled: true,
    startedAt: new Date('2026-03-01T10:00:01.999Z'),
    finishedAt: new Date('2026-03-01T10:00:02Z'),
    createdAt: new Date('2026-03-01T10:00:00.123Z'),
    address: null,
  })
})

test('a running container has an address, and neither exit code nor end', () => {
  const ports = { '9999/tcp': null, '8888/tcp': [{ HostIp: '127.0.0.1', HostPort: '32768' }] }
  const status = statusFromInspect(inspected({ FinishedAt: '2026-03-01T10:00:02Z' }, ports))
  expect(status).toMatchObject({ state: 'running', exitCode: null, finishedAt: null })
  expect(status?.address).toEqual({ host: '127.0.0.1', port: 32768 })
})

test('a container that is being removed has a time of its end, and no exit code: it did not end by itself', () => {
  const end = { ExitCode: 137, StartedAt: '2026-03-01T10:00:01Z', FinishedAt: '2026-03-01T10:00:02Z' }
  for (const Status of ['removing', 'dead'])
    expect(statusFromInspect(inspected({ Status, ...end }))).toMatchObject({
      state: 'exited',
      exitCode: null,
      finishedAt: new Date('2026-03-01T10:00:02Z'),
    })
})

test('a container whose start failed is still inert', () => {
  const info = inspected({ Status: 'created', ExitCode: 127, StartedAt: NEVER, FinishedAt: '2026-03-01T10:00:02Z' })
  expect(statusFromInspect(info)).toMatchObject({ state: 'created', exitCode: null, startedAt: null, finishedAt: null })
})

test('Docker’s seven states are three', () => {
  const states = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'].map(
    (State) => statusFromList(listed({ State }))?.state,
  )
  expect(states).toEqual(['created', 'running', 'running', 'running', 'exited', 'exited', 'exited'])
})

test('a list has the address of what runs', () => {
  const port = { IP: '127.0.0.1', PrivatePort: 8888, PublicPort: 32768, Type: 'tcp' }
  const unpublished = { PrivatePort: 9999, Type: 'tcp' } as Dockerode.Port
  const status = statusFromList(listed({ Ports: [unpublished, port] }))
  expect(status?.address).toEqual({ host: '127.0.0.1', port: 32768 })
  expect(status?.createdAt).toEqual(new Date(1_700_000_000_000))
})

test('a container that this system did not make is nobody’s', () => {
  const labels = containerLabels(identity)
  for (const Labels of [{}, { ...labels, 'cahier.generation': 'x' }, { ...labels, 'cahier.role': 's3' }])
    expect(statusFromList(listed({ Labels }))).toBeNull()
})
