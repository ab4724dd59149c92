/**
 * The only writer of events. Numbers are given out by the project's counter in the very statement that writes the events,
 * which must be the transaction's last: the counter's row stays locked until commit, so the sequence has no gaps and is
 * visible in order. The same statement notes the newest number on the notebook, so that a row read at any time tells
 * after which event it is true.
 */
import type { NotebookEvent } from '../domain/events.ts'
import { Prisma } from '../generated/prisma/client.ts'

/**
 * The tables of a WITH clause that write the events, of which there is at least one. They need a table "held" with the `id`
 * and `projectId` of the notebook: where it is empty, nothing is written. "counter" is the project's, whose "newest" number
 * is that of the last event, and rings. `at`: null is the transaction's time.
 */
export function writingEvents(events: readonly NotebookEvent[], at: Date | null): Prisma.Sql {
  const drafts = JSON.stringify(events.map(({ type, ...payload }) => ({ type, payload })))
  return Prisma.sql`
    "counter" AS (
      UPDATE "Project" SET "eventCounter" = "eventCounter" + ${events.length}
      FROM "held" WHERE "Project"."id" = "held"."projectId"
      RETURNING "eventCounter" AS "newest", pg_notify('cahier_events', "Project"."id"::text)::text
    ), "written" AS (
      INSERT INTO "Event" ("projectId", "seq", "notebookId", "type", "payload", "at")
      SELECT "held"."projectId", "counter"."newest" - ${events.length} + "draft"."ordinality", "held"."id",
             "draft"."value"->>'type', "draft"."value"->'payload', coalesce(${at}::timestamptz, cahier_now())
      FROM "held", "counter", jsonb_array_elements(${drafts}::jsonb) WITH ORDINALITY AS "draft"
    )`
}
