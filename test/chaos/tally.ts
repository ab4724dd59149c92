/** What was done and what came of it, counted by name. */

export class Tally {
  readonly #counts = new Map<string, number>()

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** Lines for people, the most frequent first. */
  lines(): string[] {
    const rows = [...this.#counts].sort(([a, x], [b, y]) => y - x || a.localeCompare(b))
    return rows.map(([name, count]) => `  ${String(count).padStart(6)}  ${name}`)
  }
}

/** The kind of an error, without what is different each time: ids and numbers. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { code?: unknown }
  const cause = error.cause instanceof Error ? ` (${kindOf(error.cause)})` : ''
  if (typeof code === 'string') return code
  return error.name === 'Error' ? withoutNumbers(error.message) : `${error.name}${cause}`
}

export function withoutNumbers(message: string): string {
  const [line = ''] = message.trim().split('\n')
  return line.replaceAll(/\b[0-9a-f-]*\d[0-9a-f-]+\b/g, '…')
}
