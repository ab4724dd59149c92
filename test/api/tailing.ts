/** Subscribers of event streams without a transport, and projects with notebooks for them to watch. */
import { decodeCursor, encodeCursor } from '../../src/domain/events.ts'
import type { StreamItem } from '../../src/events/items.ts'
import type { EventStreams } from '../../src/events/streams.ts'
import { CREATE, type Result, SMALL } from './documents.ts'
import { type User, uuidOf, type World } from './world.ts'

/** A project with so many notebooks, all STARTING, QUEUED. */
export async function tenantWith(w: World, notebooks: number) {
  const tenant = await w.tenant()
  const ids: string[] = []
  for (let made = 0; made < notebooks; made += 1) {
    const { data } = await w.as(tenant.owner)<Result>(CREATE, { input: { projectId: tenant.projectId, ...SMALL } })
    ids.push(data.result.id)
  }
  return { ...tenant, ids }
}

interface Wanted {
  projectUuid: string
  owner: User
  notebookId?: string
  after?: string | null
  streams?: EventStreams
}

/** A subscriber of the project, or of one notebook. */
export function tail(w: World, { projectUuid, owner, notebookId, after = null, streams = w.parts.streams }: Wanted) {
  const scope = {
    projectId: projectUuid,
    notebookId: notebookId ? uuidOf(notebookId) : null,
    label: owner.viewer.scope.label,
  }
  return streams.tail({ scope, viewer: owner.viewer, after, ended: false })
}

export async function take(items: AsyncIterator<StreamItem>, count: number): Promise<StreamItem[]> {
  const taken: StreamItem[] = []
  while (taken.length < count) {
    const { value, done } = await items.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

export const seqOf = ({ cursor }: StreamItem): bigint => decodeCursor(cursor)?.seq ?? -1n

/** The cursor before the first event of the project. */
export async function beginning(w: World, projectUuid: string): Promise<string> {
  const { streamEpoch } = await w.database.project.findUniqueOrThrow({ where: { id: projectUuid } })
  return encodeCursor({ epoch: streamEpoch, seq: 0n })
}
