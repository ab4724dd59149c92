/**
 * What a container wrote. A container that is gone wrote nothing: logs are for people and for progress, and may be lost.
 */
import type Dockerode from 'dockerode'
import { asPortError, call, LIMIT, statusOf, unless } from './call.ts'
import { FrameParser, LineSplitter } from './streams.ts'

const GONE = 404

/**
 * Lines of stdout from the start on; ends with the container, or on abort. A last line without an end may be lost when it
 * is followed live. Throws EngineUnavailableError when cut off.
 */
export async function* stdoutLines(container: Dockerode.Container, signal: AbortSignal): AsyncGenerator<string> {
  const frames = new FrameParser()
  const lines = new LineSplitter()
  try {
    for await (const chunk of await follow(container, signal))
      for (const { data } of frames.push(chunk)) yield* lines.push(data)
    yield* lines.end()
  } catch (error) {
    if (signal.aborted || statusOf(error) === GONE) return
    throw asPortError('follow the log', error)
  }
}

async function follow(container: Dockerode.Container, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const stream = await call('open the log', LIMIT.READ, (limit) =>
    container.logs({ follow: true, stdout: true, abortSignal: AbortSignal.any([signal, limit]) }),
  )
  return stream as AsyncIterable<Buffer>
}

/** The last lines of both streams, in the order in which they ended. */
export async function lastLines(container: Dockerode.Container, count: number): Promise<string[]> {
  const log = await call('read the log', LIMIT.READ, (abortSignal) =>
    unless(GONE, container.logs({ stdout: true, stderr: true, tail: count, abortSignal }), null),
  )
  if (!log) return []
  const splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() }
  const lines = new FrameParser().push(log).flatMap(({ stream, data }) => splitters[stream].push(data))
  return [...lines, ...splitters.stdout.end(), ...splitters.stderr.end()].slice(-count)
}
