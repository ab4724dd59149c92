/** The places in a target where other volumes are mounted: they need folders, and nothing but folders above them. */
import { TargetFailure } from './report.ts'
import type { Sync } from './sync.ts'

/** Throws TargetFailure when a file or symlink lies at such a place or above it. */
export function refuseWhatIsInTheWay({ tree, target }: Sync): void {
  for (const place of target.reserved) {
    const names = place.split('/')
    for (let depth = 1; depth <= names.length; depth++) {
      const path = names.slice(0, depth).join('/')
      const found = tree.stat(path)
      if (!found) break
      if (found.type !== 'directory') throw inTheWay(path, place)
    }
  }
}

/** An engine would make them itself, but as root: then nobody could write beside them. */
export function makeMountPoints({ tree, target, report }: Sync): void {
  for (const place of target.reserved) {
    try {
      if (!tree.stat(place)) tree.makeFolder(`${place}/`, 0o755)
    } catch (error) {
      report.take(place, error, 'told')
    }
  }
}

export function inTheWay(path: string, place: string): TargetFailure {
  return new TargetFailure('data', `"${path}" is in the way: a volume is to be mounted at "${place}".`)
}
