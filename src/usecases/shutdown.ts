/** An operator takes the installation down: every notebook is stopped, and saved as always. */
import type { Database } from '../store/database.ts'
import { changeNotebook } from '../store/notebooks.ts'

const UNSETTLED = ['STARTING', 'RUNNING', 'STOPPING', 'DELETING'] as const

/** Wishes every notebook stopped that is on its way up or running. */
export async function stopAllNotebooks(database: Database): Promise<void> {
  const up = await database.notebook.findMany({
    where: { deletedAt: null, state: { in: ['STARTING', 'RUNNING', 'STOPPING'] }, desired: 'RUNNING' },
    select: { id: true },
  })
  for (const { id } of up)
    await changeNotebook(database, id, null, ({ desired }) =>
      desired === 'RUNNING'
        ? { set: { desired: 'STOPPED', desiredReason: 'PLATFORM', restartWished: false }, wake: true }
        : {},
    )
}

/** How many have not come to rest yet. */
export function countUnsettled(database: Database): Promise<number> {
  return database.notebook.count({ where: { deletedAt: null, state: { in: [...UNSETTLED] } } })
}

/** Names of the notebooks whose local copies hold what no bucket has. */
export async function unsavedNotebooks(database: Database): Promise<string[]> {
  const unsaved = await database.notebook.findMany({
    where: { deletedAt: null, localCopies: { some: { written: true } } },
    select: { name: true },
  })
  return unsaved.map(({ name }) => name)
}
