/** `npm run bench -- NAME [PART…] [--json] [--rounds N]`: measures, prints, and ends with 1 when a goal is not held. */
import { parseArgs } from 'node:util'
import type { Figure } from './frame/figure.ts'
import { report } from './frame/report.ts'

/** Says in short lines what goes on. */
export type Say = (line: string) => void

const BENCHMARKS: Readonly<
  Record<string, () => Promise<{ measure(say: Say, parts: readonly string[], rounds: number): Promise<Figure[]> }>>
> = {
  lifecycle: () => import('./lifecycle/lifecycle.ts'),
}

/** Fewer give a first look, no verdict to rely on. */
const ROUNDS = 7

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, rounds: { type: 'string' } },
})
const [name = '', ...parts] = positionals
const load = BENCHMARKS[name]
if (!load) {
  console.error(`Which benchmark? One of: ${Object.keys(BENCHMARKS).join(', ')}.`)
  process.exit(2)
}
const { measure } = await load()
const figures = await measure((line) => console.error(line), parts, Number(values.rounds ?? ROUNDS))
process.exitCode = report(name, figures, values.json ?? false) ? 0 : 1
