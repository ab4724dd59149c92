/** Who this database is, and which nodes it knows. */
import { randomUUID } from 'node:crypto'
import type { Database } from './database.ts'

/** The installation's uuid, made with the database's first use. Two processes that start at once agree on one. */
export async function ensureInstallation(database: Database): Promise<string> {
  await database.installation.createMany({ data: [{ id: randomUUID() }], skipDuplicates: true })
  const { id } = await database.installation.findFirstOrThrow()
  return id
}

interface Capacity {
  cpus: number
  memoryBytes: number
  gpus: readonly { id: string; model: string }[]
}

/** Puts the node and what it has on record, newest figures first. */
export async function recordNode(database: Database, id: string, capacity: Capacity): Promise<void> {
  const figures = {
    milliCpus: Math.round(capacity.cpus * 1000),
    memoryBytes: BigInt(capacity.memoryBytes),
    gpus: capacity.gpus,
  }
  await database.engineNode.upsert({ where: { id }, create: { id, ...figures }, update: figures })
}
