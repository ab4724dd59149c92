/** The load under which control planes are compared: starts, so many at a time, each from the request until it runs. */
import pLimit from 'p-limit'
import { quantile } from '../frame/statistics.ts'

export interface ControlPlane extends AsyncDisposable {
  name: string
  /** The start of one, resolved when it runs. `refusals`: how often it was turned away and came again. */
  launch(index: number): Promise<{ refusals: number }>
  /** How many run. */
  running(): Promise<number>
  /** Ends and forgets those that were launched as 0 … count - 1. */
  clear(count: number): Promise<void>
}

export interface LoadResult {
  perSecond: number
  p95Ms: number
  refusals: number
  running: number
}

/** Starts `count`, `inFlight` at a time, and clears them away after the clock has stopped. */
export async function load(plane: ControlPlane, count: number, inFlight: number): Promise<LoadResult> {
  const limit = pLimit(inFlight)
  const began = performance.now()
  const launched = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      limit(async () => {
        const asked = performance.now()
        const { refusals } = await plane.launch(index)
        return { ms: performance.now() - asked, refusals }
      }),
    ),
  )
  const seconds = (performance.now() - began) / 1000
  const running = await plane.running()
  await plane.clear(count)
  return {
    perSecond: count / seconds,
    p95Ms: quantile(
      launched.map(({ ms }) => ms),
      0.95,
    ),
    refusals: launched.reduce((sum, { refusals }) => sum + refusals, 0),
    running,
  }
}
