/**
 * One figure of a benchmark: what was measured in each round, beside whom, and what is asked of it. A goal is held when the
 * favourable end of the 90 % interval reaches it and the median is within 5 % of it.
 */
import { type Estimate, estimate, median } from './statistics.ts'

/** How ours and the rival's figure of a round become the one that the goal speaks of. */
export type Comparison = 'ratio' | 'difference' | 'alone'

export interface Goal {
  compare: Comparison
  direction: 'at least' | 'at most'
  limit: number
}

export interface Figure {
  name: string
  unit: string
  /** One value per round. */
  ours: readonly number[]
  /** Of the same rounds, in their order; null: nobody to compare with. */
  rival: readonly number[] | null
  /** Null: shown, not judged. */
  goal: Goal | null
}

export interface Verdict {
  ours: number
  rival: number | null
  compare: Comparison
  compared: Estimate
  held: boolean | null
}

const TOLERANCE = 0.05

export function judge({ ours, rival, goal }: Figure): Verdict {
  const compare = goal?.compare ?? (rival ? 'ratio' : 'alone')
  const compared = estimate(ours.map((value, round) => compareBy(compare, value, rival?.[round] ?? Number.NaN)))
  return {
    ours: median(ours),
    rival: rival && median(rival),
    compare,
    compared,
    held: goal && isHeld(goal, compared),
  }
}

function compareBy(compare: Comparison, ours: number, rival: number): number {
  if (compare === 'alone') return ours
  return compare === 'ratio' ? ours / rival : ours - rival
}

function isHeld({ direction, limit }: Goal, { median, low, high }: Estimate): boolean {
  const slack = Math.abs(limit) * TOLERANCE
  return direction === 'at least' ? high >= limit && median >= limit - slack : low <= limit && median <= limit + slack
}
