/** What befalls the run. Each begins, lasts, and is over when its promise resolves; whatever it broke works again then. */
import { randomUUID } from 'node:crypto'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Chance } from './chance.ts'
import { LEASE_SECONDS, type Parts } from './parts.ts'
import type { Replica } from './replicas.ts'
import type { Condition, StoreWay } from './store-way.ts'

export interface Scene {
  parts: Parts
  replicas: readonly Replica[]
}

interface Disturbance {
  /** How often, against the others. */
  weight: number
  befall(scene: Scene, chance: Chance): Promise<void>
}

const seconds = (chance: Chance, low: number, high: number): number => 1000 * chance.between(low, high)

export const DISTURBANCES = {
  'kill -9 of a control plane': {
    weight: 6,
    befall: async ({ replicas }, chance) => chance.one(replicas)?.kill(),
  },
  'kill -9 of both control planes': {
    weight: 2,
    befall: async ({ replicas }) => void (await Promise.all(replicas.map((replica) => replica.kill()))),
  },
  'a control plane paused beyond its lease': {
    weight: 5,
    befall: async ({ replicas }, chance) =>
      chance.one(replicas)?.pauseFor(seconds(chance, LEASE_SECONDS + 1, 2 * LEASE_SECONDS + 2)),
  },
  'restart of the Docker daemon': { weight: 1, befall: ({ parts }) => parts.daemon.restart() },
  'kill -9 of the Docker daemon': { weight: 1, befall: ({ parts }) => parts.daemon.killAndRestart() },
  'restart of PostgreSQL': { weight: 1, befall: ({ parts }) => parts.postgres.restart() },
  'kill -9 of PostgreSQL': { weight: 1, befall: ({ parts }) => parts.postgres.killAndRestart() },
  "the platform's store refuses connections": outage('platformWay', 'shut'),
  "the platform's store answers 503": outage('platformWay', '503'),
  "the platform's store is slow": outage('platformWay', 'slow'),
  "the users' store refuses connections": outage('usersWay', 'shut'),
  "the users' store answers 503": outage('usersWay', '503'),
  "the users' store is slow": outage('usersWay', 'slow'),
  'a full disk': {
    weight: 2,
    befall: async ({ parts: { disk } }, chance) => {
      const ballast = join(disk, `ballast-${randomUUID()}`)
      await fill(disk, ballast)
      await delay(seconds(chance, 2, 8))
      await rm(ballast)
    },
  },
  'a container killed from outside': {
    weight: 4,
    befall: (scene, chance) => withSomeContainer(scene, chance, (container) => container.kill()),
  },
  'a container removed from outside': {
    weight: 3,
    befall: (scene, chance) => withSomeContainer(scene, chance, (container) => container.remove({ force: true })),
  },
} as const satisfies Readonly<Record<string, Disturbance>>

export type DisturbanceName = keyof typeof DISTURBANCES

function outage(way: 'platformWay' | 'usersWay', condition: Condition): Disturbance {
  return {
    weight: 1,
    befall: async ({ parts }, chance) => {
      const store: StoreWay = parts[way]
      await store.become(condition)
      await delay(seconds(chance, 2, 20))
      await store.become('open')
    },
  }
}

/** To the last byte: a file takes what statfs says is free. */
async function fill(disk: string, file: string): Promise<void> {
  const handle = await open(file, 'w')
  const piece = Buffer.alloc(2 ** 20)
  try {
    const { bavail, bsize } = await statfs(disk)
    for (let left = bavail * bsize; left > 0; left -= piece.length) await handle.write(piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await handle.close()
  }
}

/** A notebook's or a mover's. One that ended by itself in that very moment is as well. */
async function withSomeContainer(
  { parts: { docker, installation } }: Scene,
  chance: Chance,
  act: (container: ReturnType<Parts['docker']['getContainer']>) => Promise<unknown>,
): Promise<void> {
  const label = [`cahier.installation=${installation}`, 'cahier.notebook']
  const running = await docker.listContainers({ filters: { label, status: ['running'] } })
  const container = chance.one(running)
  if (container) await act(docker.getContainer(container.Id))
}
