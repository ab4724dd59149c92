/** What many rounds say: the median, and the interval in which it lies with 90 % certainty. */

export interface Estimate {
  median: number
  low: number
  high: number
}

const RESAMPLES = 2000

/** By the bootstrap, of at least one value. The same values always give the same answer. */
export function estimate(values: readonly number[]): Estimate {
  const random = generator(values.length)
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(random() * values.length)] as number)),
  )
  return { median: median(values), low: quantile(medians, 0.05), high: quantile(medians, 0.95) }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** By linear interpolation; `part` is in [0, 1]. Throws when there are no values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * part
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  if (below === undefined || above === undefined) throw new Error('Nothing was measured')
  return below + (above - below) * (place - Math.floor(place))
}

/** Numbers in [0, 1) that depend on the seed only: a linear congruence is good enough for drawing rounds. */
function generator(seed: number): () => number {
  let state = seed + 1
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return state / 4_294_967_296
  }
}
