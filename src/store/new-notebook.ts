/** The birth of a notebook: its row, its volumes and labels, its first event and the wish to start, in the caller's transaction. */
import type { Notebook, Prisma } from '../generated/prisma/client.ts'
import { ring, type Transaction } from './database.ts'
import { appendEvents } from './events.ts'

export interface NewNotebook {
  notebook: Omit<Prisma.NotebookUncheckedCreateInput, 'state' | 'phase' | 'dueAt' | 'desired'> & { id: string }
  labels: readonly { name: string; value: string }[]
  /** In their order. */
  volumes: readonly Omit<Prisma.VolumeUncheckedCreateInput, 'notebookId' | 'index'>[]
}

/** It begins in STARTING, QUEUED. Its first event takes the project's next number, so call this last in the transaction. */
export async function insertNotebook(tx: Transaction, { notebook, labels, volumes }: NewNotebook): Promise<Notebook> {
  const [{ at }] = await tx.$queryRaw<[{ at: Date }]>`SELECT cahier_now() AS "at"`
  const created = await tx.notebook.create({
    data: {
      ...notebook,
      state: 'STARTING',
      phase: 'QUEUED',
      createdAt: at,
      phaseStartedAt: at,
      desired: 'RUNNING',
      dueAt: at,
    },
  })
  const notebookId = notebook.id
  await tx.notebookLabel.createMany({ data: labels.map((label) => ({ ...label, notebookId })) })
  await tx.volume.createMany({ data: volumes.map((volume, index) => ({ ...volume, index, notebookId })) })
  await ring(tx, 'cahier_wishes', notebookId)
  const eventSeq = await appendEvents(tx, created, [{ type: 'NotebookCreated' }], at)
  return { ...created, eventSeq: eventSeq ?? created.eventSeq }
}
