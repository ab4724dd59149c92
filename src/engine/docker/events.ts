/**
 * Docker's event stream, cut down to what happens to one installation's containers. It may lose events and may die silently.
 */
import type Dockerode from 'dockerode'
import type { EngineEvent } from '../port.ts'
import { asPortError, call, LIMIT } from './call.ts'
import { containersOf, identityFrom, type Labels } from './names.ts'
import { LineSplitter } from './streams.ts'

const ACTIONS: Record<string, EngineEvent['action'] | undefined> = {
  start: 'started',
  die: 'ended',
  oom: 'outOfMemory',
  destroy: 'removed',
}

interface DockerEvent {
  Action: string
  Actor: { ID: string; Attributes: Labels }
}

/** Ends on abort, or when the daemon shuts down; throws EngineUnavailableError when the stream breaks. */
export async function* containerEvents(
  docker: Dockerode,
  installation: string,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const lines = new LineSplitter()
  try {
    for await (const chunk of await open(docker, installation, signal))
      for (const line of lines.push(chunk)) {
        const event = eventFrom(JSON.parse(line) as DockerEvent)
        if (event) yield event
      }
  } catch (error) {
    if (signal.aborted) return
    throw asPortError('follow its events', error)
  }
}

async function open(docker: Dockerode, installation: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const stream = await call('open its event stream', LIMIT.READ, (limit) =>
    docker.getEvents({
      filters: { type: ['container'], event: Object.keys(ACTIONS), ...containersOf(installation) },
      abortSignal: AbortSignal.any([signal, limit]),
    }),
  )
  return stream as AsyncIterable<Buffer>
}

function eventFrom({ Action, Actor }: DockerEvent): EngineEvent | null {
  const action = ACTIONS[Action]
  const identity = identityFrom(Actor.Attributes)
  return action && identity ? { containerId: Actor.ID, notebook: identity.notebook, action } : null
}
