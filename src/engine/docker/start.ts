/**
 * Starting a container, with one document on its stdin. The document's way is laid before the process runs, and hanging up
 * after the last byte is what gives the process its end of file. A container runs once: one that runs or ended is left alone.
 */
import { type Duplex, finished } from 'node:stream'
import type Dockerode from 'dockerode'
import { call, LIMIT, unless } from './call.ts'

const RUNS_ALREADY = 304

/** Refusals of the daemon come out as they are: 404 for a container or a network that is gone. */
export async function startContainer(container: Dockerode.Container, stdin: string | undefined): Promise<void> {
  const { State } = await call('look at a container', LIMIT.READ, (abortSignal) => container.inspect({ abortSignal }))
  if (State.Status !== 'created') return
  if (stdin === undefined) return run(container)
  const pipe = await attach(container)
  const hungUp = hangUpOf(pipe)
  const handedOver = new AbortController()
  try {
    await run(container)
    pipe.resume()
    pipe.end(stdin)
    await call('hand over the document', LIMIT.WRITE, (limit) =>
      Promise.race([hungUp, endOf(container, AbortSignal.any([handedOver.signal, limit]))]),
    )
  } finally {
    handedOver.abort()
    pipe.destroy()
  }
}

async function run(container: Dockerode.Container): Promise<void> {
  await call('start a container', LIMIT.WRITE, (abortSignal) =>
    unless(RUNS_ALREADY, container.start({ abortSignal }), undefined),
  )
}

async function attach(container: Dockerode.Container): Promise<Duplex> {
  const stream = await call('attach to a container', LIMIT.WRITE, (abortSignal) =>
    container.attach({ stream: true, stdin: true, hijack: true, abortSignal }),
  )
  return stream as Duplex
}

/** Docker hangs up when it has passed all of the document on, or when it fails to: then the process ended unread. */
function hangUpOf(pipe: Duplex): Promise<void> {
  return new Promise((resolve) => {
    finished(pipe, () => resolve())
  })
}

/** Docker does not hang up when the process ends in the middle of a document. */
async function endOf(container: Dockerode.Container, abortSignal: AbortSignal): Promise<void> {
  await container.wait({ condition: 'not-running', abortSignal })
}
