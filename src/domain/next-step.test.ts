import { expect, test } from 'vitest'
import { nextStep, type SeenContainer, type SeenCopy, type View } from './next-step.ts'

const now = new Date('2026-01-01T00:00:00Z')
const later = new Date('2026-01-01T01:00:00Z')

function view(place: Partial<View>): View {
  return {
    now,
    state: 'STARTING',
    phase: null,
    desired: 'RUNNING',
    restartWished: false,
    stopsAt: null,
    warnedAhead: null,
    checkpointAt: null,
    holdsCompute: false,
    retryAt: null,
    saveRetryAt: null,
    containers: [],
    copies: [],
    openSyncs: [],
    ...place,
  }
}

const container = (over: Partial<SeenContainer> = {}): SeenContainer => ({
  id: 'c',
  role: 'NOTEBOOK',
  purpose: 'RUN',
  settled: false,
  status: 'running',
  ...over,
})
const mover = (purpose: 'PULL' | 'SAVE' | 'PUSH', status: SeenContainer['status']) =>
  container({ id: 'm', role: 'MOVER', purpose, status })
const copy = (target: string, written = true, saveFailed = false): SeenCopy => ({ target, written, saveFailed })

test('the way up: reserve, pull, allocate, image, container, editor', () => {
  const step = (over: Partial<View>) => nextStep(view(over)).name
  expect(step({ phase: 'QUEUED' })).toBe('reserveNode')
  expect(step({ phase: 'PULLING_DATA' })).toBe('createMover')
  expect(step({ phase: 'PULLING_DATA', containers: [mover('PULL', 'inert')] })).toBe('startMover')
  expect(step({ phase: 'PULLING_DATA', containers: [mover('PULL', 'running')] })).toBe('followMover')
  expect(step({ phase: 'PULLING_DATA', containers: [mover('PULL', 'ended')] })).toBe('collectMover')
  expect(step({ phase: 'ALLOCATING' })).toBe('allocate')
  expect(step({ phase: 'PULLING_IMAGE' })).toBe('provideImage')
  expect(step({ phase: 'STARTING_CONTAINER' })).toBe('createNotebook')
  expect(step({ phase: 'STARTING_CONTAINER', containers: [container({ status: 'inert' })] })).toBe('startNotebook')
  expect(step({ phase: 'STARTING_CONTAINER', containers: [container()] })).toBe('awaitEditor')
})

test.each(['QUEUED', 'PULLING_DATA', 'ALLOCATING', 'PULLING_IMAGE', 'STARTING_CONTAINER'] as const)(
  'a stop cancels a start in %s, also while it waits for its next try',
  (phase) => {
    const step = nextStep(view({ phase, desired: 'STOPPED', retryAt: later }))
    expect(step).toEqual({ name: 'leave', because: 'WISH', container: null })
  },
)

test('a RUNNING notebook rests until the next warning, then until its deadline, and then leaves', () => {
  const running = view({ state: 'RUNNING', stopsAt: later, warnedAhead: 3600, containers: [container()] })
  const warning = new Date('2026-01-01T00:55:00Z')
  expect(nextStep(running)).toEqual({ name: 'rest', until: warning })
  expect(nextStep({ ...running, now: warning })).toEqual({ name: 'warnOfRunLimit', ahead: 300 })
  expect(nextStep({ ...running, now: warning, warnedAhead: 300 })).toEqual({ name: 'rest', until: later })
  expect(nextStep({ ...running, now: later })).toMatchObject({ name: 'leave', because: 'RUN_LIMIT' })
})

test('beside a RUNNING notebook wished syncs get one mover after the other, read along with until the deadline', () => {
  const deadline = { stopsAt: later, warnedAhead: 300 }
  const wished = { operation: 'one', container: null, cancelWished: false }
  const running = view({ state: 'RUNNING', ...deadline, containers: [container()], openSyncs: [wished] })
  expect(nextStep(running)).toEqual({ name: 'createSyncMover', operation: 'one' })
  const carried = {
    ...running,
    openSyncs: [
      { ...wished, container: 'm' },
      { ...wished, operation: 'two' },
    ],
  }
  const withMover = (status: SeenContainer['status']) =>
    nextStep({ ...carried, containers: [container(), mover('PUSH', status)] })
  expect(withMover('inert').name).toBe('startMover')
  expect(withMover('running')).toEqual({ name: 'followMover', container: 'm', until: later })
  expect(withMover('ended').name).toBe('collectMover')
  expect(withMover('gone').name).toBe('collectMover')
})

test('a mover one of whose syncs was called off is ended, or never started', () => {
  const openSyncs = [{ operation: 'one', container: 'm', cancelWished: true }]
  const step = (status: SeenContainer['status']) =>
    nextStep(view({ state: 'RUNNING', openSyncs, containers: [container(), mover('PULL', status)] }))
  expect(step('running')).toEqual({ name: 'stopContainer', container: 'm' })
  expect(step('inert').name).toBe('collectMover')
  expect(step('ended').name).toBe('collectMover')
})

test('a checkpoint comes when it is time, unless something of the data moves already', () => {
  const running = view({ state: 'RUNNING', stopsAt: later, warnedAhead: 300, containers: [container()] })
  const soon = new Date('2026-01-01T00:05:00Z')
  expect(nextStep({ ...running, checkpointAt: soon })).toEqual({ name: 'rest', until: soon })
  expect(nextStep({ ...running, checkpointAt: new Date('2026-01-01T02:00:00Z') })).toEqual({
    name: 'rest',
    until: later,
  })
  const due = { ...running, checkpointAt: now }
  expect(nextStep(due).name).toBe('beginCheckpoint')
  expect(nextStep({ ...due, stopsAt: now }).name).toBe('leave')
  const openSyncs = [{ operation: 'one', container: 'm', cancelWished: false }]
  expect(nextStep({ ...due, openSyncs, containers: [container(), mover('PUSH', 'running')] }).name).toBe('followMover')
})

test('nothing that ends a run waits for a sync', () => {
  const openSyncs = [{ operation: 'one', container: 'm', cancelWished: false }]
  const syncing = view({ state: 'RUNNING', openSyncs, containers: [container(), mover('PUSH', 'running')] })
  expect(nextStep({ ...syncing, desired: 'STOPPED' })).toMatchObject({ name: 'leave', because: 'WISH' })
  expect(nextStep({ ...syncing, restartWished: true })).toMatchObject({ name: 'leave', because: 'RESTART' })
  expect(nextStep({ ...syncing, stopsAt: now })).toMatchObject({ name: 'leave', because: 'RUN_LIMIT' })
  const ended = { ...syncing, containers: [container({ status: 'ended' }), mover('PUSH', 'running')] }
  expect(nextStep(ended)).toMatchObject({ name: 'leave', because: 'ENDED' })
  const stopping = { ...ended, state: 'STOPPING', phase: 'STOPPING_CONTAINER', holdsCompute: true } as const
  expect(nextStep(stopping)).toEqual({ name: 'stopContainer', container: 'm' })
})

test.each(['ended', 'gone'] as const)('a RUNNING notebook whose container is %s leaves', (status) => {
  const step = nextStep(view({ state: 'RUNNING', containers: [container({ status })] }))
  expect(step).toMatchObject({ name: 'leave', because: 'ENDED' })
})

test('a wish to stop comes before an end that was only seen after it', () => {
  const stopped = view({ state: 'RUNNING', desired: 'STOPPED', containers: [container({ status: 'ended' })] })
  expect(nextStep(stopped)).toMatchObject({ name: 'leave', because: 'WISH' })
})

test('on the way down units are given back only after every container has ended', () => {
  const stopping = view({ state: 'STOPPING', phase: 'STOPPING_CONTAINER', holdsCompute: true, desired: 'STOPPED' })
  expect(nextStep({ ...stopping, containers: [container()] }).name).toBe('stopContainer')
  expect(nextStep({ ...stopping, containers: [container({ status: 'ended' })] }).name).toBe('freeCompute')
})

test('a local copy that was written to is saved before any copy is removed', () => {
  const saving = view({
    state: 'STOPPING',
    phase: 'SAVING_WORKSPACE',
    copies: [copy('workspace'), copy('v'), copy('ro', false)],
  })
  expect(nextStep(saving)).toEqual({ name: 'createMover', purpose: 'SAVE' })
  const saved = { ...saving, copies: [copy('workspace', false), copy('v'), copy('ro', false)] }
  expect(nextStep(saved).name).toBe('pushVolumes')
  expect(nextStep({ ...saved, phase: 'PUSHING_DATA' })).toEqual({ name: 'createMover', purpose: 'PUSH' })
  const pushed = { ...saved, phase: 'PUSHING_DATA' as const, copies: [copy('workspace', false), copy('v', false)] }
  expect(nextStep(pushed).name).toBe('removeLocalCopies')
  expect(nextStep({ ...pushed, copies: [] }).name).toBe('settle')
})

test('a start saves first what an earlier run left unsaved, tries that once, and then pulls the rest', () => {
  const starting = view({ phase: 'PULLING_DATA', copies: [copy('workspace'), copy('v'), copy('ro', false)] })
  expect(nextStep(starting)).toEqual({ name: 'createMover', purpose: 'SAVE' })
  const tried = { ...starting, copies: [copy('workspace', true, true), copy('v'), copy('ro', false)] }
  expect(nextStep(tried)).toEqual({ name: 'createMover', purpose: 'PUSH' })
  const pushed = { ...starting, copies: [copy('workspace', true, true), copy('v', false), copy('ro', false)] }
  expect(nextStep(pushed)).toEqual({ name: 'createMover', purpose: 'PULL' })
  expect(nextStep({ ...starting, desired: 'STOPPED' }).name).toBe('leave')
})

test('a copy that could not be saved stays, and the notebook settles with it', () => {
  const stopping = view({ state: 'STOPPING', phase: 'PUSHING_DATA', copies: [copy('v', true, true)] })
  expect(nextStep(stopping).name).toBe('settle')
})

test('a start that was cancelled before anything was written saves nothing', () => {
  const cancelled = view({ state: 'STOPPING', phase: 'STOPPING_CONTAINER', copies: [copy('workspace', false)] })
  expect(nextStep(cancelled).name).toBe('removeLocalCopies')
})

test('a container whose end is in the books is removed before anything else', () => {
  const step = nextStep(view({ phase: 'ALLOCATING', containers: [container({ settled: true, status: 'ended' })] }))
  expect(step).toEqual({ name: 'removeContainer', container: 'c' })
})

test('a try that failed is cleared away at once, and a stop waits for none of it', () => {
  const waiting = view({
    phase: 'PULLING_DATA',
    retryAt: later,
    containers: [{ ...mover('PULL', 'ended'), settled: true }],
  })
  expect(nextStep(waiting).name).toBe('removeContainer')
  expect(nextStep({ ...waiting, desired: 'STOPPED' })).toMatchObject({ name: 'leave' })
})

test('a failed try waits for its time', () => {
  expect(nextStep(view({ phase: 'ALLOCATING', retryAt: later }))).toEqual({ name: 'rest', until: later })
})

test('a notebook at rest with unsaved data tries to save it by itself; others rest for good', () => {
  const failed = view({ state: 'FAILED', desired: 'STOPPED', copies: [copy('v', true, true)], saveRetryAt: later })
  expect(nextStep(failed)).toEqual({ name: 'rest', until: later })
  expect(nextStep({ ...failed, now: later }).name).toBe('retrySave')
  expect(nextStep({ ...failed, copies: [] })).toEqual({ name: 'rest', until: null })
})

test('a forced deletion waits until everything is saved, and does not happen when it cannot be', () => {
  expect(nextStep(view({ state: 'STOPPED', desired: 'DELETED' })).name).toBe('beginDeletion')
  expect(nextStep(view({ state: 'FAILED', desired: 'DELETED', copies: [copy('v', true, true)] })).name).toBe('rest')
  expect(nextStep(view({ state: 'DELETING', phase: 'REMOVING' })).name).toBe('forget')
})

test('a start that is called off is left before anything else, whatever is under way', () => {
  const calledOff = view({ phase: 'ALLOCATING', desired: 'STOPPED', retryAt: later })
  expect(nextStep({ ...calledOff, containers: [{ ...mover('PULL', 'gone'), settled: true }] }).name).toBe('leave')
})

test('who wished the end of a run, or a restart, is heard also when the container ended in the same moment', () => {
  const ended = view({ state: 'RUNNING', containers: [container({ status: 'ended' })] })
  expect(nextStep({ ...ended, desired: 'STOPPED' })).toMatchObject({ name: 'leave', because: 'WISH' })
  expect(nextStep({ ...ended, restartWished: true })).toMatchObject({ name: 'leave', because: 'RESTART' })
})
