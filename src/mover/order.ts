/**
 * The order in which everything is walked, listed, recorded and merged: paths by their UTF-8 bytes, as S3 lists keys.
 * A directory's path ends in '/', so that it stands right before what lies below it.
 */

/** Negative, zero or positive, as Buffer.compare of the two in UTF-8. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left === right) continue
    // UTF-16 puts surrogates (code points from U+10000 on) below U+E000 to U+FFFF; UTF-8 puts them above.
    if (left >= SURROGATES && right >= SURROGATES && isSurrogate(left) !== isSurrogate(right))
      return isSurrogate(left) ? 1 : -1
    return left - right
  }
  return a.length - b.length
}

const SURROGATES = 0xd800

function isSurrogate(unit: number): boolean {
  return unit >= SURROGATES && unit <= 0xdfff
}
