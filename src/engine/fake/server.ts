/** A fake daemon behind a unix socket: the engine port for control planes, and the control channel for tests. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { type ContainerEngine, ENGINE_CALLS, type EngineCall, type ImageProgress } from '../port.ts'
import type { FakeControl } from './control.ts'
import type { FakeDaemon } from './daemon.ts'
import { createFakeEngine } from './engine.ts'
import { Inbox } from './inbox.ts'
import { carried, type Frame, type Outcome, pack, unpack } from './wire.ts'

/** `path` must be short: a socket's path ends at 107 bytes. */
export async function serveFakeDaemon(
  daemon: FakeDaemon,
  control: FakeControl,
  path: string,
): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://fake')
    const [, face, ...rest] = pathname.split('/').map(decodeURIComponent)
    const answering =
      face === 'control'
        ? answerTest(control, request, response, rest)
        : answerControlPlane(daemon, request, response, rest)
    answering.catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))))
  })
  // Calls that wait for a test, and streams, may take as long as they like.
  Object.assign(server, { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 })
  server.listen(path)
  await once(server, 'listening')
  return { [Symbol.asyncDispose]: () => close(server) }
}

async function close(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}

async function answerTest(
  control: FakeControl,
  request: IncomingMessage,
  response: ServerResponse,
  [call = '']: string[],
): Promise<void> {
  const args = unpack<unknown[]>(await buffer(request))
  const method = control[call as keyof FakeControl] as (...args: unknown[]) => unknown
  response.end(pack(await outcomeOf(() => method.apply(control, args))))
}

async function answerControlPlane(
  daemon: FakeDaemon,
  request: IncomingMessage,
  response: ServerResponse,
  [installation = '', nodeId = '', call = '']: string[],
): Promise<void> {
  if (!(call in ENGINE_CALLS)) throw new Error(`The port has no call ${call}`)
  const engine = createFakeEngine({ daemon, installation, nodeId })
  const args = unpack<unknown[]>(await buffer(request))
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  const stream = streamOf(engine, call as EngineCall, args, gone.signal)
  if (stream) return sendFrames(response, stream)
  const method = engine[call as EngineCall] as (...args: unknown[]) => Promise<unknown>
  response.end(pack(await outcomeOf(() => method(...args))))
}

/** Null for a call that is no stream. */
function streamOf(
  engine: ContainerEngine,
  call: EngineCall,
  args: unknown[],
  signal: AbortSignal,
): AsyncIterable<unknown> | null {
  switch (call) {
    case 'lines':
      return engine.lines(args[0] as string, signal)
    case 'events':
      return engine.events(signal)
    case 'provideImage':
      return progressOf(engine, args[0] as string, signal)
    default:
      return null
  }
}

async function* progressOf(engine: ContainerEngine, image: string, signal: AbortSignal): AsyncGenerator<ImageProgress> {
  const inbox = new Inbox<ImageProgress>()
  const done = engine.provideImage(image, (progress) => inbox.push(progress), signal)
  done.then(
    () => inbox.close(),
    (error: Error) => inbox.close(error),
  )
  yield* inbox
}

async function sendFrames(response: ServerResponse, items: AsyncIterable<unknown>): Promise<void> {
  const send = (frame: Frame<unknown>) => response.write(`${JSON.stringify(frame)}\n`)
  response.flushHeaders()
  try {
    for await (const item of items) send({ item })
    send({ end: true })
  } catch (error) {
    send({ error: carried(error) })
  }
  response.end()
}

async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    return { value: await call() }
  } catch (error) {
    return { error: carried(error) }
  }
}
