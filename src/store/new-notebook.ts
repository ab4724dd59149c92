/** The birth of a notebook: its row, its volumes and labels, its first event and the wish to start, in one statement. */
import { randomUUID } from 'node:crypto'
import { type Notebook, Prisma } from '../generated/prisma/client.ts'
import type { Transaction } from './database.ts'
import { writingEvents } from './events.ts'
import { asJson, besides, columnsOf, inserting } from './rows.ts'

export interface NewNotebook {
  notebook: Omit<Prisma.NotebookUncheckedCreateInput, 'state' | 'phase' | 'dueAt' | 'desired'> & {
    id: string
    env?: Uint8Array | null
  }
  labels: readonly { name: string; value: string }[]
  /** In their order. */
  volumes: readonly Omit<Prisma.VolumeUncheckedCreateInput, 'notebookId' | 'index'>[]
}

/** It begins in STARTING, QUEUED. Its first event takes the project's next number, so call this last in the transaction. */
export async function insertNotebook(tx: Transaction, { notebook, labels, volumes }: NewNotebook): Promise<Notebook> {
  const notebookId = notebook.id
  const also = [
    ...(labels.length > 0
      ? [
          inserting(
            'NotebookLabel',
            labels.map((label) => ({ ...label, notebookId })),
          ),
        ]
      : []),
    ...(volumes.length > 0
      ? [
          inserting(
            'Volume',
            volumes.map((each, index) => ({ id: randomUUID(), ...each, index, notebookId })),
          ),
        ]
      : []),
  ]
  const born = { ...notebook, state: 'STARTING', phase: 'QUEUED', desired: 'RUNNING' }
  const names = Object.keys(born).map((name) => Prisma.raw(`"${name}"`))
  const [created] = await tx.$queryRaw<(Notebook & { rung: string })[]>`
    WITH ${Prisma.join([
      Prisma.sql`"held" AS (SELECT ${notebookId}::uuid AS "id", ${notebook.projectId}::uuid AS "projectId")`,
      ...besides(also),
      writingEvents([{ type: 'NotebookCreated' }], null),
    ])}
    INSERT INTO "Notebook" (${Prisma.join(names)}, "createdAt", "updatedAt", "phaseStartedAt", "dueAt", "eventSeq")
    SELECT ${Prisma.join(names.map((name) => Prisma.sql`"row".${name}`))},
           cahier_now(), cahier_now(), cahier_now(), cahier_now(), "counter"."newest"
    FROM "counter", jsonb_populate_record(NULL::"Notebook", ${asJson(born)}::jsonb) AS "row"
    RETURNING ${columnsOf(Prisma.NotebookScalarFieldEnum, 'Notebook')},
      pg_notify('cahier_wishes', "id"::text)::text AS "rung"`
  if (!created) throw new Error(`Project ${notebook.projectId} vanished while a notebook was made in it`)
  const { rung: _, ...row } = created
  return row
}
