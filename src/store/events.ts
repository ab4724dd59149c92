/**
 * The only writer of events. Numbers are given out by the project's counter in the very statement that writes the events,
 * which must be the transaction's last: the counter's row stays locked until commit, so the sequence has no gaps and is
 * visible in order. The same statement notes the newest number on the notebook, so that a row read at any time tells
 * after which event it is true.
 */
import type { NotebookEvent } from '../domain/events.ts'
import type { Transaction } from './database.ts'

/** Answers the number of the last of them; null when there are none. */
export async function appendEvents(
  tx: Transaction,
  notebook: { id: string; projectId: string },
  events: readonly NotebookEvent[],
  at: Date,
): Promise<bigint | null> {
  if (events.length === 0) return null
  const drafts = JSON.stringify(events.map(({ type, ...payload }) => ({ type, payload })))
  const [newest] = await tx.$queryRaw<{ seq: bigint }[]>`
    WITH counter AS (
      UPDATE "Project" SET "eventCounter" = "eventCounter" + ${events.length}
      WHERE "id" = ${notebook.projectId}::uuid RETURNING "eventCounter"
    ), written AS (
      INSERT INTO "Event" ("projectId", "seq", "notebookId", "type", "payload", "at")
      SELECT ${notebook.projectId}::uuid, counter."eventCounter" - ${events.length} + draft."ordinality",
             ${notebook.id}::uuid, draft."value"->>'type', draft."value"->'payload', ${at}
      FROM counter, jsonb_array_elements(${drafts}::jsonb) WITH ORDINALITY AS draft
    )
    UPDATE "Notebook" SET "eventSeq" = counter."eventCounter" FROM counter
    WHERE "Notebook"."id" = ${notebook.id}::uuid
    RETURNING "Notebook"."eventSeq" AS "seq", pg_notify('cahier_events', "Notebook"."projectId"::text)::text AS "rung"`
  return newest?.seq ?? null
}
