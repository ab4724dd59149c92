/** The fake engine of another process: the port, and a test's hand on it, over its socket. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
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
    bootedAt: ask('bootedAt'),
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
    find: ask('find'),
    lines: (id, signal) => post.follow<string>(pathOf('lines'), [id], signal),
    logTail: ask('logTail'),
    readFile: ask('readFile'),
    removeVolume: ask('removeVolume'),
    volumeIsThere: ask('volumeIsThere'),
    diskUsage: ask('diskUsage'),
    listVolumes: ask('listVolumes'),
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
  const agent = new Agent({ keepAlive: true })
  const send = (path: string, args: unknown[], signal?: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const options = { method: 'POST', socketPath, agent, path, ...(signal && { signal }) }
    request(options, resolve).on('error', reject).end(pack(args))
    return promise
  }
  const bytesOf = async (path: string, args: unknown[]) => {
    try {
      return await buffer(await send(path, args))
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
        yield* itemsIn<T>(await send(path, args, signal))
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

const CONNECTION_FAILURES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])

/** A connection that fails is an engine that does not answer. */
function asEngineError(error: unknown): unknown {
  const isBroken = CONNECTION_FAILURES.has((error as NodeJS.ErrnoException).code ?? '')
  return isBroken ? new EngineUnavailableError('The connection to the engine broke.', { cause: error }) : error
}
