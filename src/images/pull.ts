/** One pull from a registry, which must begin to answer within seconds: where none is in reach, that is soon known. */
import type Dockerode from 'dockerode'
import { asPortError, statusOf } from '../engine/docker/call.ts'
import { ImageError, type ImageProgress } from '../engine/port.ts'
import { daemonMessages } from './messages.ts'

/** How long the registry may take to begin, in milliseconds. */
const FIRST_ANSWER = 8_000

/** Throws ImageError, EngineUnavailableError, or the signal's reason. */
export async function pullImage(
  docker: Dockerode,
  reference: string,
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const silence = new AbortController()
  const timer = setTimeout(() => silence.abort(), FIRST_ANSWER)
  const layers = new Map<string, { current: number; total: number }>()
  try {
    const abortSignal = AbortSignal.any([signal, silence.signal])
    for await (const message of daemonMessages(await docker.pull(reference, { abortSignal }))) {
      clearTimeout(timer)
      if (message.error) throw new ImageError(`The image ${reference} cannot be pulled: ${message.error}.`)
      const { id, status, progressDetail: { current, total } = {} } = message
      if (id && status === 'Downloading' && current && total) layers.set(id, { current, total })
      onProgress({ message: `Pulling ${reference}`, ...sum([...layers.values()]) })
    }
  } catch (error) {
    signal.throwIfAborted()
    if (silence.signal.aborted)
      throw new ImageError(`The image ${reference} cannot be pulled: its registry does not answer.`)
    throw refusal(reference, error)
  } finally {
    clearTimeout(timer)
  }
}

/** Layers become known one by one, so the total grows. */
function sum(layers: { current: number; total: number }[]): { bytesDone: number | null; bytesTotal: number | null } {
  if (layers.length === 0) return { bytesDone: null, bytesTotal: null }
  return {
    bytesDone: layers.reduce((bytes, { current }) => bytes + current, 0),
    bytesTotal: layers.reduce((bytes, { total }) => bytes + total, 0),
  }
}

/** The daemon also answers 500 when it is the registry that cannot be reached. */
function refusal(reference: string, error: unknown): unknown {
  if (statusOf(error) === undefined) return asPortError(`pull the image ${reference}`, error)
  const reason = (error as Error).message.replace(/^\(HTTP code \d+\) [a-z ]+ - /, '').trim()
  return new ImageError(`The image ${reference} cannot be pulled: ${reason}.`, { cause: error })
}
