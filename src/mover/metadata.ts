/**
 * What an object keeps of a file besides its bytes: `x-amz-meta-mtime` (seconds, with a fraction) and `x-amz-meta-mode`
 * (the whole st_mode, in decimal), the two that s3fs writes, of which rclone reads the first. A symlink is an object whose
 * body is its target and whose mode says so; a directory, an empty object whose key ends in '/'.
 */
import { constants } from 'node:fs'
import type { EntryType } from './entry.ts'

export interface Stamp {
  type: EntryType
  mode: number
  /** Nanoseconds since 1970. */
  mtime: string
}

const TYPE_BITS: Record<EntryType, number> = {
  file: constants.S_IFREG,
  symlink: constants.S_IFLNK,
  directory: constants.S_IFDIR,
}
const DEFAULT_MODE: Record<EntryType, number> = { file: 0o644, symlink: 0o777, directory: 0o755 }
const PERMISSIONS = 0o777

export function toMetadata(stamp: Stamp): Record<string, string> {
  return { mtime: toSeconds(stamp.mtime), mode: String(TYPE_BITS[stamp.type] | stamp.mode) }
}

/** Reads what any tool may have written: what makes no sense is as if it were not there. */
export function fromMetadata(path: string, metadata: Record<string, string>, modified: Date): Stamp {
  const bits = /^\d{1,6}$/.test(metadata.mode ?? '') ? Number(metadata.mode) : 0
  const isLink = (bits & constants.S_IFMT) === constants.S_IFLNK
  const type = path.endsWith('/') ? 'directory' : isLink ? 'symlink' : 'file'
  const isOurs = (bits & constants.S_IFMT) === TYPE_BITS[type]
  return {
    type,
    mode: isOurs ? bits & PERMISSIONS : DEFAULT_MODE[type],
    mtime: fromSeconds(metadata.mtime) ?? fromDate(modified),
  }
}

export function fromDate(date: Date): string {
  return `${BigInt(date.getTime()) * 1_000_000n}`
}

/**
 * Seconds as a number, for utimes, which cuts to the microsecond: from its middle, so that no rounding leads to the one
 * before and times stay the same over any number of round trips.
 */
export function toUnixTime(nanoseconds: string): number {
  return (Number(BigInt(nanoseconds) / 1000n) + 0.5) / 1e6
}

function toSeconds(nanoseconds: string): string {
  const value = BigInt(nanoseconds)
  const sign = value < 0n ? '-' : ''
  const digits = `${value < 0n ? -value : value}`.padStart(10, '0')
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`
}

function fromSeconds(text: string | undefined): string | null {
  const match = /^(-?)(\d{1,11})(?:\.(\d{1,9})\d*)?$/.exec(text ?? '')
  if (!match) return null
  const [, sign, seconds, fraction = ''] = match
  return `${BigInt(`${sign}${seconds}${fraction.padEnd(9, '0')}`)}`
}
