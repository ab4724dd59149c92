/** The fake engine of another process: the port, and a test's hand on it, over its socket. */
import { Agent, errors, request } from 'undici'
import {
  type ContainerEngine,
  type EngineCall,
  type EngineEvent,
  EngineUnavailableError,
  type ImageProgress,
} from '../port.ts'
import type { RemoteControl } from './control.ts'
import { type Frame, type Outcome, pack, revived, unpack } from './wire.ts'

export interface RemoteEngineOptions {
  socketPath: string
  installation: string
  nodeId: string
}

/** Never connects before its first call; a daemon that is not there, or dies, is an EngineUnavailableError. */
export function connectFakeEngine({ socketPath, installation, nodeId }: RemoteEngineOptions): ContainerEngine {
  const post = poster(socketPath)
  const pathOf = (call: EngineCall) =>
    `/engine/${encodeURIComponent(installation)}/${encodeURIComponent(nodeId)}/${call}`
  const ask = <Call extends EngineCall>(call: Call) =>
    (async (...args: unknown[]) => post.ask(pathOf(call), args)) as unknown as ContainerEngine[Call]
  return {
    nodeId,
    prepare: ask('prepare'),
    capacity: ask('capacity'),
    ping: ask('ping'),
    imageIsThere: ask('imageIsThere'),
    async provideImage(image, onProgress, signal) {
      for await (const progress of post.follow<ImageProgress>(pathOf('provideImage'), [image], signal))
        onProgress(progress)
      signal.throwIfAborted()
    },
    create: ask('create'),
    start: ask('start'),
    inspect: ask('inspect'),
    stop: ask('stop'),
    remove: ask('remove'),
    removeUnrecorded: ask('removeUnrecorded'),
    lines: (id, signal) => post.follow<string>(pathOf('lines'), [id], signal),
    logTail: ask('logTail'),
    readFile: ask('readFile'),
    removeVolume: ask('removeVolume'),
    volumeIsThere: ask('volumeIsThere'),
    list: ask('list'),
    events: (signal) => post.follow<EngineEvent>(pathOf('events'), [], signal),
  }
}

export function connectFakeControl(socketPath: string): RemoteControl {
  const post = poster(socketPath)
  return new Proxy({} as RemoteControl, {
    get:
      (_, call) =>
      (...args: unknown[]) =>
        post.ask(`/control/${String(call)}`, args),
  })
}

function poster(socketPath: string) {
  const dispatcher = new Agent({ connect: { socketPath }, headersTimeout: 0, bodyTimeout: 0 })
  const send = (path: string, args: unknown[], signal: AbortSignal | null) =>
    request(`http://fake${path}`, { method: 'POST', body: pack(args), dispatcher, signal })

  const bytesOf = async (path: string, args: unknown[]) => {
    try {
      const { body } = await send(path, args, null)
      return await body.bytes()
    } catch (error) {
      throw asEngineError(error)
    }
  }

  return {
    async ask(path: string, args: unknown[]): Promise<unknown> {
      const outcome = unpack<Outcome>(await bytesOf(path, args))
      if ('error' in outcome) throw revived(outcome.error)
      return outcome.value
    },

    /** Ends on abort. */
    async *follow<T>(path: string, args: unknown[], signal: AbortSignal): AsyncGenerator<T> {
      if (signal.aborted) return
      try {
        const { body } = await send(path, args, signal)
        yield* itemsIn<T>(body)
      } catch (error) {
        if (!signal.aborted) throw asEngineError(error)
      }
    },
  }
}

async function* itemsIn<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  for await (const line of linesIn(body)) {
    const frame = JSON.parse(line) as Frame<T>
    if ('end' in frame) return
    if ('error' in frame) throw revived(frame.error)
    yield frame.item
  }
  throw new EngineUnavailableError('The connection to the engine broke.')
}

async function* linesIn(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** A connection that fails is an engine that does not answer. */
function asEngineError(error: unknown): unknown {
  return isConnectionFailure(error)
    ? new EngineUnavailableError('The connection to the engine broke.', { cause: error })
    : error
}

function isConnectionFailure(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return error instanceof errors.UndiciError || ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code ?? '')
}
