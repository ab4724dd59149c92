/** The checker of the invariants finds nothing in an orderly history, and finds every one of them where it is broken. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ContainerStatus } from '../../src/engine/port.ts'
import type { NotebookOnRecord } from '../testkit/invariants/records.ts'
import { type Evidence, INVARIANTS, type Invariant } from '../testkit/invariants/rules.ts'
import { findViolations, gatherEvidence, judge, type Seen } from '../testkit/invariants.ts'
import { isSettled, stop, type World, world } from './world.ts'

let w: World
let orderly: Evidence
/** Ids of a notebook that ran, was saved and stopped, and of one that is RUNNING. */
let saved: string
let running: string

async function look(): Promise<Seen> {
  const containers = w.containers().map((container) => container.status(null))
  return { containers, volumes: new Set(w.daemon.volumes.keys()) }
}

beforeAll(async () => {
  w = await world()
  const controller = w.control()
  running = await w.running(['RW'])
  saved = await w.running(['RW'])
  await w.wish(saved, stop)
  await w.until(saved, isSettled)
  await controller.stop()
  orderly = await gatherEvidence(w.database, look, { isSwept: true, overcommit: { cpu: 1, memory: 1 } })
})
afterAll(() => w[Symbol.asyncDispose]())

/** What the checker says when that is changed in an orderly history. */
function brokenBy(change: (evidence: Evidence) => unknown): Invariant[] {
  const evidence = structuredClone(orderly)
  // A clone of its own would not see the change.
  evidence.steady = evidence.records.notebooks
  change(evidence)
  return [...new Set(judge(evidence).map(({ invariant }) => invariant))]
}

function notebook({ records }: Evidence, id: string): NotebookOnRecord {
  const found = records.notebooks.find((each) => each.id === id)
  if (!found) throw new Error('no such notebook')
  return found
}

const period = (evidence: Evidence, id: string) => notebook(evidence, id).billingPeriods[0] as object

/** A container that is on nobody's record. */
function addStranger({ seen }: Evidence, id: string, state: ContainerStatus['state']): void {
  const [other] = seen?.containers ?? []
  if (!seen || !other) throw new Error('no container to imitate')
  seen.containers = [
    ...seen.containers,
    { ...other, id: 'stranger', identity: { ...other.identity, notebook: id }, state },
  ]
}

/** For each invariant one way in which it is broken. */
const BREACHES: Readonly<Record<Invariant, (evidence: Evidence) => unknown>> = {
  'no state outside the table': (evidence) => {
    const event = notebook(evidence, saved).events.find(
      ({ type, payload }) => type === 'PhaseChanged' && (payload as { phase: string }).phase === 'ALLOCATING',
    )
    Object.assign(event ?? {}, { payload: { phase: 'STARTING_CONTAINER' } })
  },
  'every change has its event': (evidence) => {
    notebook(evidence, saved).state = 'FAILED'
  },
  'event sequences are gap-free': ({ records }) => records.projects[0]?.seqs.splice(1, 1),
  'one live container per notebook at most': (evidence) => addStranger(evidence, running, 'running'),
  'no container after a settled state': (evidence) => addStranger(evidence, saved, 'running'),
  'no container without a notebook after the sweep': (evidence) => addStranger(evidence, randomUUID(), 'created'),
  'data settled only after verification': (evidence) => {
    for (const sync of notebook(evidence, saved).syncs) sync.state = 'FAILED'
  },
  'unsaved files are kept': ({ seen }) => {
    if (seen) seen.volumes = new Set()
  },
  'billing periods are the stays in RUNNING': (evidence) => notebook(evidence, saved).billingPeriods.pop(),
  'every bill is what the events tell': (evidence) => Object.assign(evidence, { unproved: ['A difference.'] }),
  'units are held from the start until the end was observed': (evidence) => {
    notebook(evidence, saved).heldMilliCpus = 1000
  },
  'no more is held than there is': (evidence) => {
    notebook(evidence, running).heldMilliCpus = 9000
  },
}

test('an orderly history breaks none of them', async () => {
  expect(await findViolations(w.database, look, orderly.known)).toEqual([])
})

test.each(Object.keys(INVARIANTS) as Invariant[])('%s: a breach is found', (invariant) => {
  expect(brokenBy(BREACHES[invariant])).toContain(invariant)
})

describe('what is no breach, and what is a finer one', () => {
  test('a RUNNING notebook whose copy does not count as written could lose what it writes', () => {
    const unwritten = (evidence: Evidence) => {
      for (const copy of notebook(evidence, running).localCopies) copy.written = false
    }
    expect(brokenBy(unwritten)).toEqual(['data settled only after verification'])
  })

  test('what was given up by its user needs no push', () => {
    const discarded = (evidence: Evidence) => {
      notebook(evidence, saved).syncs = []
      evidence.known.discarded = new Set([saved])
    }
    expect(brokenBy(discarded)).toEqual([])
  })

  test('a push that began before the run ended proves nothing', () => {
    const early = (evidence: Evidence) => {
      const { syncs } = notebook(evidence, saved)
      notebook(evidence, saved).syncs = syncs
        .filter(({ direction }) => direction === 'PULL')
        .map((sync) => ({ ...sync, direction: 'PUSH' }))
    }
    expect(brokenBy(early)).toEqual(['data settled only after verification'])
  })

  test.each([
    ['a period that is open after its run', { endedAt: null }],
    ['a period that ends after its run', { endedAt: new Date('2100-01-01') }],
    ['minutes that are not those of the period', { minutes: 99 }],
    ['a period that begins with another transaction', { startedAt: new Date(0) }],
  ])('%s is found', (_, change) => {
    const broken = brokenBy((evidence) => Object.assign(period(evidence, saved), change))
    expect(broken).toEqual(['billing periods are the stays in RUNNING'])
  })

  test('a period that ended while its run goes on is found', () => {
    const broken = brokenBy((evidence) => Object.assign(period(evidence, running), { endedAt: new Date() }))
    expect(broken).toEqual(['billing periods are the stays in RUNNING'])
  })

  test('a RUNNING notebook that holds nothing is found', () => {
    const release = (evidence: Evidence) => {
      notebook(evidence, running).heldMilliCpus = 0
    }
    expect(brokenBy(release)).toEqual(['units are held from the start until the end was observed'])
  })

  test('an event after the deletion is found, and a deletion without an event', () => {
    const deletion = { type: 'NotebookDeleted', payload: {} }
    const late = (evidence: Evidence) => Object.assign(notebook(evidence, saved).events.at(-2) ?? {}, deletion)
    expect(brokenBy(late)).toContain('no state outside the table')
    const silent = (evidence: Evidence) => Object.assign(notebook(evidence, saved), { deletedAt: new Date() })
    expect(brokenBy(silent)).toEqual(['every change has its event'])
  })
})
