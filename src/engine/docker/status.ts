/**
 * What Docker says of a container, as the port has it. Pure. Containers that this system did not make are null.
 */
import type Dockerode from 'dockerode'
import type { ContainerStatus } from '../port.ts'
import { identityFrom } from './names.ts'

const LOOPBACK = '127.0.0.1'

/** From an inspect call: everything. */
export function statusFromInspect(info: Dockerode.ContainerInspectInfo): ContainerStatus | null {
  const identity = identityFrom(info.Config.Labels)
  if (!identity) return null
  const state = stateFrom(info.State.Status)
  return {
    id: info.Id,
    identity,
    state,
    exitCode: state === 'exited' && !isBeingRemoved(info.State.Status) ? info.State.ExitCode : null,
    oomKilled: info.State.OOMKilled,
    // A start that failed leaves dates in a container that never ran.
    startedAt: state === 'created' ? null : dateFrom(info.State.StartedAt),
    finishedAt: state === 'exited' ? dateFrom(info.State.FinishedAt) : null,
    createdAt: dateFrom(info.Created) ?? new Date(0),
    address: state === 'running' ? addressFromBindings(info.NetworkSettings.Ports) : null,
  }
}

/** From a list: no exit code, no out-of-memory and no times but the creation's, which has whole seconds. */
export function statusFromList(info: Dockerode.ContainerInfo): ContainerStatus | null {
  const identity = identityFrom(info.Labels)
  if (!identity) return null
  const state = stateFrom(info.State)
  const port = info.Ports.find(({ PublicPort }) => PublicPort)?.PublicPort
  return {
    id: info.Id,
    identity,
    state,
    exitCode: null,
    oomKilled: false,
    startedAt: null,
    finishedAt: null,
    createdAt: new Date(info.Created * 1000),
    address: state === 'running' && port ? { host: LOOPBACK, port } : null,
  }
}

/** Docker has seven states: a paused container still holds its process, one being removed has lost it. */
function stateFrom(status: string): ContainerStatus['state'] {
  if (status === 'created') return 'created'
  return status === 'running' || status === 'paused' || status === 'restarting' ? 'running' : 'exited'
}

/** `docker rm -f` kills first: for a moment there is an ended container, whose exit code is the removal's and not its own. */
function isBeingRemoved(status: string): boolean {
  return status === 'removing' || status === 'dead'
}

function addressFromBindings(bindings: Record<string, { HostPort: string }[] | null>): ContainerStatus['address'] {
  for (const published of Object.values(bindings)) {
    const port = Number(published?.[0]?.HostPort)
    if (port) return { host: LOOPBACK, port }
  }
  return null
}

/** Docker writes nanoseconds, which are cut to milliseconds, and the year 1 for never. */
export function dateFrom(text: string): Date | null {
  const date = new Date(text.replace(/(\.\d{3})\d+/, '$1'))
  return date.getTime() > 0 ? date : null
}
