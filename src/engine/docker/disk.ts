/**
 * What volumes and writable layers take on a Docker node. The daemon walks the files of every volume for it, which takes as
 * long as `du` over all of them, and does so once at a time: a second call while one runs is refused.
 */
import type Dockerode from 'dockerode'
import { EngineUnavailableError, type MeasuredSize } from '../port.ts'
import { call, LIMIT, statusOf } from './call.ts'
import { belongsTo } from './names.ts'

interface Answer {
  Containers: { Id: string; SizeRw?: number; Labels: Record<string, string> | null }[] | null
  Volumes: { Name: string; Labels: Record<string, string> | null; UsageData?: { Size: number } | null }[] | null
}

const BUSY = 409

export async function diskUsage(docker: Dockerode, installation: string): Promise<MeasuredSize[]> {
  try {
    const { Containers, Volumes } = await call('measure its disk', LIMIT.MEASURE, (abortSignal) =>
      ask(docker, abortSignal),
    )
    const isOurs = ({ Labels }: { Labels: Record<string, string> | null }) => belongsTo(installation, Labels ?? {})
    return [
      // No size is said of a layer that nothing was written to.
      ...(Containers ?? []).filter(isOurs).map(({ Id, SizeRw }) => ({ name: Id, bytes: SizeRw ?? 0 })),
      // -1: the daemon could not tell.
      ...(Volumes ?? []).filter(isOurs).map(({ Name, UsageData }) => ({ name: Name, bytes: UsageData?.Size ?? -1 })),
    ].filter(({ bytes }) => bytes >= 0)
  } catch (error) {
    if (statusOf(error) !== BUSY) throw error
    throw new EngineUnavailableError('Docker is measuring its disk for someone else.', { cause: error })
  }
}

/** Images and the build cache are left out where the daemon knows how to (API 1.42); an older one measures them too. */
function ask(docker: Dockerode, abortSignal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: '/system/df?',
        method: 'GET',
        options: { _query: { type: ['container', 'volume'] } },
        abortSignal,
        statusCodes: { 200: true, 409: 'busy', 500: 'server error' },
      },
      (error: unknown, answer: unknown) => (error ? reject(error) : resolve(answer as Answer)),
    )
  })
}
