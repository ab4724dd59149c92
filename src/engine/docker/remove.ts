/** Removing containers, by id. A process that runs is never ended by accident. */
import type Dockerode from 'dockerode'
import { call, LIMIT, statusOf, unless } from './call.ts'

const GONE = 404
const REFUSED = 409

/** Gone already is fine. Without `force` a running container is refused with an Error. */
export async function removeContainer(container: Dockerode.Container, force: boolean): Promise<void> {
  const removed = call('remove a container', LIMIT.WRITE, (abortSignal) =>
    unless(GONE, container.remove({ force, v: true, abortSignal }), undefined),
  )
  try {
    await removed
  } catch (error) {
    if (statusOf(error) !== REFUSED) throw error
    if (await isRunning(container)) throw error
    await awaitRemoval(container)
  }
}

async function isRunning(container: Dockerode.Container): Promise<boolean> {
  return (await look(container))?.State.Running ?? false
}

/** The other reason for a refusal: someone else is removing it. */
async function awaitRemoval(container: Dockerode.Container): Promise<void> {
  await call('remove a container', LIMIT.WRITE, (abortSignal) =>
    unless(GONE, container.wait({ condition: 'removed', abortSignal }), undefined),
  )
}

async function look(container: Dockerode.Container): Promise<Dockerode.ContainerInspectInfo | null> {
  return call('look at a container', LIMIT.READ, (abortSignal) =>
    unless(GONE, container.inspect({ abortSignal }), null),
  )
}
