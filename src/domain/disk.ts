/** A notebook's share of its node's disk: when its user is warned, and when it is stopped so that others have theirs. Pure. */

const WARN_PERCENT = 90
const STOP_PERCENT = 110

export type DiskVerdict = 'fine' | 'nearlyFull' | 'full'

/** Both in bytes. */
export function judgeDisk(used: bigint, limit: bigint): DiskVerdict {
  if (used * 100n >= limit * BigInt(STOP_PERCENT)) return 'full'
  return used * 100n >= limit * BigInt(WARN_PERCENT) ? 'nearlyFull' : 'fine'
}

/** In GiB below a TiB, with two places: as people say it. */
export function sayBytes(bytes: bigint): string {
  return `${(Number(bytes) / 2 ** 30).toFixed(2)} GiB`
}
