/** The benchmark of the lifecycle: how fast notebooks come up, and what many of them cost. Its parts can be named. */
import type { Figure } from '../frame/figure.ts'
import type { Say } from '../main.ts'
import { measureMany } from './many.ts'
import { measureRealDocker } from './real-docker.ts'
import { measureSpawning } from './spawning.ts'

const PARTS: Readonly<Record<string, (say: Say, rounds: number) => Promise<Figure[]>>> = {
  spawning: measureSpawning,
  many: measureMany,
  docker: measureRealDocker,
}

/** All parts, or those that are named, one after the other. */
export async function measure(say: Say, names: readonly string[], rounds: number): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const [name, part] of Object.entries(PARTS))
    if (names.length === 0 || names.includes(name)) figures.push(...(await part(say, rounds)))
  return figures
}
