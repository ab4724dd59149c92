/**
 * How long a run may last: its deadline, the warnings ahead of it, and how far it may be moved. Each warning is due once per
 * deadline; when several were missed, the nearest stands for all of them.
 */
import { ValidationError } from './errors.ts'

/** A run's default limit, and the most that `maxRunSeconds` may say: 7 days. */
export const RUN_LIMIT_SECONDS = 604_800

/** No run lasts longer than this, whatever it is extended by: 28 days. */
export const RUN_CEILING_SECONDS = 4 * RUN_LIMIT_SECONDS

/** Seconds ahead of the deadline: 24 h, 1 h, 5 min. The farthest first. */
const WARNINGS_AHEAD = [86_400, 3600, 300] as const

/** Of a run that began at `startedAt`; `maxRunSeconds`: the notebook's own limit, or null. */
export function deadlineOf(startedAt: Date, maxRunSeconds: number | null): Date {
  return after(startedAt, Math.min(maxRunSeconds ?? RUN_LIMIT_SECONDS, RUN_LIMIT_SECONDS))
}

/**
 * The deadline of a run, moved by `seconds`. Throws ValidationError when it would lie more than 28 days after the run began,
 * or would not be moved at all.
 */
export function extendedDeadline(run: { startedAt: Date; stopsAt: Date }, seconds: number): Date {
  const ceiling = after(run.startedAt, RUN_CEILING_SECONDS)
  const most = Math.floor((ceiling.getTime() - run.stopsAt.getTime()) / 1000)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= most) return after(run.stopsAt, seconds)
  const bounds = most >= 1 ? `must be a whole number from 1 to ${most}` : 'cannot be granted any more'
  throw new ValidationError([
    { path: 'seconds', message: `${bounds}: a run ends 28 days after it began, this one at ${ceiling.toISOString()}.` },
  ])
}

/** A deadline as it is kept: with it, the warnings that are past already when it is set at `now`, and so are not given. */
export function newDeadline(stopsAt: Date, now: Date): { stopsAt: Date; warnedAhead: number | null } {
  return { stopsAt, warnedAhead: nearestDue(stopsAt, null, now) }
}

/** The next warning: how far ahead of the deadline, and when. `warnedAhead`: the last one that was given. Null: none is left. */
export function nextWarning(
  stopsAt: Date,
  warnedAhead: number | null,
  now: Date,
): { ahead: number; dueAt: Date } | null {
  const ahead = nearestDue(stopsAt, warnedAhead, now) ?? notGiven(warnedAhead)[0]
  return ahead === undefined ? null : { ahead, dueAt: after(stopsAt, -ahead) }
}

function nearestDue(stopsAt: Date, warnedAhead: number | null, now: Date): number | null {
  return notGiven(warnedAhead).findLast((ahead) => after(stopsAt, -ahead) <= now) ?? null
}

function notGiven(warnedAhead: number | null): number[] {
  return WARNINGS_AHEAD.filter((ahead) => warnedAhead === null || ahead < warnedAhead)
}

function after(at: Date, seconds: number): Date {
  return new Date(at.getTime() + seconds * 1000)
}

/** What a warning says, at the time at which it is given. */
export function warningOf(run: { stopsAt: Date; autoRestart: boolean }, now: Date): string {
  const what = run.autoRestart
    ? 'the notebook will then restart, and its files stay'
    : 'the notebook will then be stopped and saved. extendNotebook moves the limit'
  return `The run reaches its time limit in ${inWords((run.stopsAt.getTime() - now.getTime()) / 1000)}; ${what}.`
}

/** "24 hours", "1 hour", "42 minutes": in the unit that people would use, at least one minute. */
function inWords(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60))
  const [count, unit] = minutes < 60 ? [minutes, 'minute'] : [Math.round(minutes / 60), 'hour']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
