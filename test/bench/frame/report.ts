/** How figures are printed: as a table for people, or one JSON object per line. The verdict comes last. */
import { type Figure, judge, type Verdict } from './figure.ts'

const HEAD = ['figure', 'ours', 'rival', 'compared (90 %)', 'limit', 'goal']

/** Prints, and answers whether every goal is held. */
export function report(benchmark: string, figures: readonly Figure[], asJson: boolean): boolean {
  const judged = figures.map((figure) => ({ figure, verdict: judge(figure) }))
  const missed = judged.filter(({ verdict }) => verdict.held === false).map(({ figure }) => figure.name)
  const goals = judged.filter(({ verdict }) => verdict.held !== null).length
  const sentence =
    missed.length === 0
      ? `${benchmark}: all ${goals} goals are held.`
      : `${benchmark}: ${missed.length} of ${goals} goals are not held: ${missed.join('; ')}.`
  if (asJson) {
    for (const { figure, verdict } of judged)
      console.log(
        JSON.stringify({ benchmark, ...figure, rounds: { ours: figure.ours, rival: figure.rival }, ...verdict }),
      )
    console.log(JSON.stringify({ benchmark, held: missed.length === 0, verdict: sentence }))
  } else {
    printTable([HEAD, ...judged.map(({ figure, verdict }) => rowOf(figure, verdict))])
    console.log(`\n${sentence}`)
  }
  return missed.length === 0
}

function rowOf({ name, unit, goal }: Figure, verdict: Verdict): string[] {
  const sign = verdict.compare === 'ratio' ? ' ×' : ` ${unit}`
  const { median, low, high } = verdict.compared
  return [
    name,
    `${round(verdict.ours)} ${unit}`,
    verdict.rival === null ? '–' : `${round(verdict.rival)} ${unit}`,
    `${round(median)}${sign} (${round(low)} … ${round(high)})`,
    goal ? `${goal.direction === 'at least' ? '≥' : '≤'} ${round(goal.limit)}${sign}` : '–',
    verdict.held === null ? '' : verdict.held ? 'held' : 'NOT HELD',
  ]
}

/** Three digits that count. */
function round(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function printTable(rows: readonly string[][]): void {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
}
