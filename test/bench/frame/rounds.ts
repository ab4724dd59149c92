/** Ours and the rival in the same run: they take turns, round after round, so that what the machine does meets both. */

/** One round of each to warm up, which does not count; then `rounds` pairs. Who begins changes from pair to pair. */
export async function takeTurns<T>(
  rounds: number,
  ours: () => Promise<T>,
  rival: () => Promise<T>,
): Promise<{ ours: T[]; rival: T[] }> {
  await ours()
  await rival()
  const measured = { ours: [] as T[], rival: [] as T[] }
  for (let round = 0; round < rounds; round++) {
    const rivalFirst = round % 2 === 1
    if (rivalFirst) measured.rival.push(await rival())
    measured.ours.push(await ours())
    if (!rivalFirst) measured.rival.push(await rival())
  }
  return measured
}

/** Throws unless the work done is the work asked for: a figure of something else is worth nothing. */
export function assertWork(what: string, done: number, asked: number): void {
  if (done !== asked) throw new Error(`${what}: ${done} instead of ${asked}`)
}
