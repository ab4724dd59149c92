/** The page docs/LIFECYCLE.md, made from the table of transitions, so that the two cannot differ. */
import {
  PHASE_BUDGET_SECONDS,
  type Phase,
  type Place,
  SETTLED,
  STALL_SECONDS,
  TRANSITIONS,
} from '../src/domain/lifecycle.ts'

type Edge = readonly [from: Place, to: Place]

const HEAD = `# Lifecycle

This page is printed by \`npm run docs\` from \`TRANSITIONS\` in \`src/domain/lifecycle.ts\`, the one table against which every
change is checked where it is written. What is done in each place is in [ARCHITECTURE.md](ARCHITECTURE.md).
A notebook begins in STARTING/QUEUED. A deleted one leaves DELETING/REMOVING for no place: it is gone from every list.`

export function lifecyclePage(): string {
  const parts = [
    HEAD,
    '## Diagram',
    diagram(),
    '## Every transition',
    transitions(),
    '## Time that a phase may take',
    budgets(),
  ]
  return `${parts.join('\n\n')}\n`
}

function edges(): Edge[] {
  return Object.entries(TRANSITIONS).flatMap(([from, targets]) => targets.map((to) => [from as Place, to] as const))
}

function stateOf(place: Place): string {
  return place.split('/')[0] ?? place
}

/** What is drawn: phases inside their states. */
function diagram(): string {
  const places = [...new Set(edges().flat())]
  const states = [...new Set(places.map(stateOf))]
  const composites = states.flatMap((state) => composite(state, places))
  const arrows = edges()
    .filter(([from, to]) => stateOf(from) !== stateOf(to))
    .map(([from, to]) => `  ${nodeOf(from)} --> ${nodeOf(to)}`)
  return [
    '```mermaid',
    'stateDiagram-v2',
    '  [*] --> QUEUED',
    ...composites,
    ...arrows,
    '  REMOVING --> [*]',
    '```',
  ].join('\n')
}

function composite(state: string, places: readonly Place[]): string[] {
  const phases = places.filter((place) => place.startsWith(`${state}/`))
  if (phases.length === 0) return []
  const inside = edges().filter(([from, to]) => stateOf(from) === state && stateOf(to) === state)
  const lines = inside.map(([from, to]) => `    ${nodeOf(from)} --> ${nodeOf(to)}`)
  return [`  state ${state} {`, ...(lines.length > 0 ? lines : phases.map((phase) => `    ${nodeOf(phase)}`)), '  }']
}

/** A phase belongs to one state, so that its name alone is enough. */
function nodeOf(place: Place): string {
  return place.split('/')[1] ?? place
}

function transitions(): string {
  const rows = Object.entries(TRANSITIONS).map(
    ([from, targets]) => `| ${from} | ${targets.join(', ')} | ${leftBy(from)} |`,
  )
  return ['| from | to | left by |', '|---|---|---|', ...rows].join('\n')
}

function leftBy(place: string): string {
  return (SETTLED as readonly string[]).includes(place)
    ? "the wish's own transaction, or the reconciler"
    : 'the reconciler'
}

function budgets(): string {
  const rows = Object.entries(PHASE_BUDGET_SECONDS).map(
    ([phase, seconds]) => `| ${phase} | ${budgetOf(phase as Phase, seconds)} |`,
  )
  return ['| phase | budget |', '|---|---|', ...rows].join('\n')
}

function budgetOf(phase: Phase, seconds: number | null): string {
  if (phase === 'QUEUED') return 'none'
  if (seconds === null) return `no total; ${STALL_SECONDS.data} s without progress`
  return phase === 'PULLING_IMAGE' ? `${seconds} s; ${STALL_SECONDS.image} s without progress` : `${seconds} s`
}
