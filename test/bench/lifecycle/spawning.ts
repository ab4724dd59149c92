/** Create → RUNNING, of the control plane alone: ours and JupyterHub, taking turns. */
import { startFakeEditor } from '../../../src/engine/fake/editor.ts'
import type { Figure } from '../frame/figure.ts'
import { startBenchPostgres } from '../frame/postgres.ts'
import { assertWork, takeTurns } from '../frame/rounds.ts'
import type { Say } from '../main.ts'
import { startCahierPlane } from './cahier.ts'
import { startJupyterHub } from './jupyterhub.ts'
import { type ControlPlane, type LoadResult, load } from './load.ts'

const NOTEBOOKS = 100
const IN_FLIGHT = 20
/** A burst takes JupyterHub long, so there are fewer. */
const MOST_BURST_ROUNDS = 3
const BURST = 200
/** As many tenants as start something at the same time, as JupyterHub's users are. */
const PROJECTS = 20

export async function measureSpawning(say: Say, rounds: number): Promise<Figure[]> {
  await using postgres = await startBenchPostgres(say)
  await using editor = await startFakeEditor()
  const editorPort = editor.address.port
  await using ours = await startCahierPlane({
    databaseUrl: postgres.url,
    home: postgres.home,
    editorPort,
    projects: PROJECTS,
  })
  await using hub = await startJupyterHub(editorPort, BURST, say)
  say(`create → RUNNING: ${rounds} rounds of ${NOTEBOOKS}, ${IN_FLIGHT} in flight`)
  const steady = await takeTurns(
    rounds,
    () => honestLoad(ours, NOTEBOOKS, IN_FLIGHT, say),
    () => honestLoad(hub, NOTEBOOKS, IN_FLIGHT, say),
  )
  const burstRounds = Math.min(rounds, MOST_BURST_ROUNDS)
  say(`create → RUNNING: ${burstRounds} rounds of ${BURST}, all at once`)
  const burst = await takeTurns(
    burstRounds,
    () => honestLoad(ours, BURST, BURST, say),
    () => honestLoad(hub, BURST, BURST, say),
  )
  return figuresOf(steady, burst)
}

type Turns = { ours: LoadResult[]; rival: LoadResult[] }

function figuresOf(steady: Turns, burst: Turns): Figure[] {
  const of = (results: LoadResult[], key: keyof LoadResult) => results.map((result) => result[key])
  const steadyRate = of(steady.ours, 'perSecond')
  return [
    {
      name: `create → RUNNING, ${IN_FLIGHT} in flight: rate`,
      unit: '/s',
      ours: steadyRate,
      rival: of(steady.rival, 'perSecond'),
      goal: { compare: 'ratio', direction: 'at least', limit: 3 },
    },
    {
      name: `create → RUNNING, ${IN_FLIGHT} in flight: p95`,
      unit: 'ms',
      ours: of(steady.ours, 'p95Ms'),
      rival: of(steady.rival, 'p95Ms'),
      goal: { compare: 'ratio', direction: 'at most', limit: 0.5 },
    },
    {
      name: `${BURST} in flight: rate beside ours at ${IN_FLIGHT}`,
      unit: '/s',
      ours: of(burst.ours, 'perSecond'),
      rival: steadyRate.slice(-burst.ours.length),
      goal: { compare: 'ratio', direction: 'at least', limit: 1 },
    },
    {
      name: `${BURST} in flight: rate`,
      unit: '/s',
      ours: of(burst.ours, 'perSecond'),
      rival: of(burst.rival, 'perSecond'),
      goal: null,
    },
    {
      name: `${BURST} in flight: turned away`,
      unit: 'times',
      ours: of(burst.ours, 'refusals'),
      rival: null,
      goal: { compare: 'alone', direction: 'at most', limit: 0 },
    },
    {
      name: `${BURST} in flight: turned away by JupyterHub`,
      unit: 'times',
      ours: of(burst.rival, 'refusals'),
      rival: null,
      goal: null,
    },
  ]
}

/** All that were asked for run at the end, whoever was asked. */
async function honestLoad(plane: ControlPlane, count: number, inFlight: number, say: Say): Promise<LoadResult> {
  const result = await load(plane, count, inFlight)
  assertWork(`${plane.name}: running after the load`, result.running, count)
  say(
    `  ${plane.name}: ${result.perSecond.toFixed(1)}/s, p95 ${result.p95Ms.toFixed(0)} ms, turned away ${result.refusals}`,
  )
  return result
}
