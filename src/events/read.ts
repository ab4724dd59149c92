/**
 * Reads a stretch of a project's sequence. One statement reads everything that belongs together: the events, the counter
 * they were counted by, and the epoch under which access to them was judged.
 */
import { encodeCursor } from '../domain/events.ts'
import type { Label } from '../domain/labels.ts'
import { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../store/database.ts'
import type { NotebookItem } from './items.ts'

/** What is watched: a project, or one notebook of it. */
export interface Scope {
  projectId: string
  notebookId: string | null
  /** Of the project's notebooks only those with this label; null: all. */
  label: Label | null
}

export interface Stretch {
  streamEpoch: string
  /** The project's newest number. */
  counter: bigint
  accessEpoch: bigint
  now: Date
  items: NotebookItem[]
  /** Everything of the scope up to this number has been read. */
  position: bigint
}

interface Head {
  streamEpoch: string
  eventCounter: bigint
  accessEpoch: bigint
  now: Date
}

interface Row extends Head {
  seq: bigint | null
  notebookId: string
  type: string
  payload: object
  at: Date
}

/** Up to `limit` events after number `after`; null stands for the present. Null when there is no such project. */
export async function readStretch(
  database: Database,
  { projectId, notebookId, label }: Scope,
  after: bigint | null,
  limit: number,
): Promise<Stretch | null> {
  const ofNotebook = notebookId ? Prisma.sql`AND "notebookId" = ${notebookId}::uuid` : Prisma.empty
  const withLabel = label
    ? Prisma.sql`AND EXISTS (
        SELECT FROM "NotebookLabel" AS label WHERE label."notebookId" = "Event"."notebookId"
        AND label."name" = ${label.name} AND label."value" = ${label.value})`
    : Prisma.empty
  const rows = await database.$queryRaw<Row[]>`
    SELECT project."streamEpoch", project."eventCounter", project."accessEpoch", now() AS "now", event.*
    FROM "Project" AS project LEFT JOIN LATERAL (
      SELECT "seq", "notebookId", "type", "payload", "at" FROM "Event"
      WHERE "projectId" = project."id" AND "seq" > coalesce(${after}::bigint, project."eventCounter") ${ofNotebook} ${withLabel}
      ORDER BY "seq" LIMIT ${limit}
    ) AS event ON true
    WHERE project."id" = ${projectId}::uuid AND project."deletedAt" IS NULL
    ORDER BY event."seq"`
  const [head] = rows
  return head ? stretchOf(head, rows, limit) : null
}

function stretchOf(head: Head, rows: readonly Row[], limit: number): Stretch {
  const items: NotebookItem[] = []
  let last = head.eventCounter
  for (const { seq, notebookId, type, payload, at } of rows) {
    if (seq === null) continue
    const cursor = encodeCursor({ epoch: head.streamEpoch, seq })
    items.push({ cursor, at, notebookId, event: { type, ...payload } } as NotebookItem)
    last = seq
  }
  const { streamEpoch, eventCounter: counter, accessEpoch, now } = head
  // A full stretch may have more behind it; another one has read all there is.
  return { streamEpoch, counter, accessEpoch, now, items, position: items.length < limit ? counter : last }
}
