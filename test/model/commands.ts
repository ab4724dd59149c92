/** What can happen to notebooks: every act as a command with two random numbers, which say to whom and how. */
import fc from 'fast-check'
import type { EngineCall } from '../../src/engine/port.ts'
import type { Lab } from './lab.ts'

/** What the model knows: how many acts there were. Everything else is judged by the invariants, which need no model. */
export interface Model {
  acts: number
}

type Act = (lab: Lab, n: number, m: number) => unknown

const CALLS: readonly EngineCall[] = [
  'create',
  'start',
  'inspect',
  'stop',
  'remove',
  'removeVolume',
  'list',
  'readFile',
]
const JUMPS = [1, 1, 5, 5, 61, 61, 61, 601, 3600, 86_400, 604_800] as const

/** How much more often than the rarest, and what is done. */
const ACTS: Readonly<Record<string, readonly [weight: number, act: Act]>> = {
  create: [4, (lab, n) => lab.create(n)],
  start: [5, (lab, n) => lab.start(n)],
  stop: [4, (lab, n) => lab.stop(n)],
  restart: [5, (lab, n) => lab.restart(n)],
  remove: [1, (lab, n) => lab.remove(n, false)],
  'remove by force': [1, (lab, n) => lab.remove(n, true)],
  'sync beside': [4, (lab, n, m) => lab.sync(n, m)],
  'cancel syncs': [1, (lab, n) => lab.cancelSyncs(n)],
  retry: [2, (lab, n) => lab.retry(n)],
  discard: [1, (lab, n, m) => lab.discard(n, m % 2 === 0)],
  limit: [2, (lab, n, m) => lab.limit(n, m % 3 === 0 ? null : 60 + m)],
  extend: [2, (lab, n, m) => lab.extend(n, 1 + m * 7200)],

  'exit 0': [1, (lab, n) => lab.strike('notebook', n, ({ id }) => lab.daemon.end(id, { code: 0, oomKilled: false }))],
  'exit n': [
    2,
    (lab, n, m) => lab.strike('notebook', n, ({ id }) => lab.daemon.end(id, { code: m + 1, oomKilled: false })),
  ],
  'out of memory': [
    1,
    (lab, n) => lab.strike('notebook', n, ({ id }) => lab.daemon.end(id, { code: 137, oomKilled: true })),
  ],
  'out of memory in a child': [1, (lab, n) => lab.strike('notebook', n, ({ id }) => lab.daemon.killChildForMemory(id))],
  'docker rm -f': [1, (lab, n) => lab.strike('notebook', n, ({ id }) => lab.daemon.remove(id))],
  'a mover is killed': [
    2,
    (lab, n) => lab.strike('mover', n, ({ id }) => lab.daemon.end(id, { code: 137, oomKilled: false })),
  ],
  'a mover is removed': [1, (lab, n) => lab.strike('mover', n, ({ id }) => lab.daemon.remove(id))],

  'the engine crashes': [1, (lab) => lab.daemon.crash()],
  'the engine recovers': [3, (lab) => lab.daemon.recover()],
  'calls are refused': [1, (lab, n) => lab.daemon.faults.refuse(n + 1)],
  'an answer is lost': [3, (lab, n) => lab.daemon.faults.loseAnswer(CALLS[n % CALLS.length] ?? 'create')],
  'calls wait': [2, (lab, n) => lab.hold(CALLS[n % CALLS.length] ?? 'create')],
  'calls go on': [3, (lab) => lab.release()],
  'calls are slow': [1, (lab, n) => lab.daemon.faults.slow(n)],
  'events are lost': [1, (lab, n) => lab.daemon.loseEvents(n)],
  'streams break': [1, (lab) => lab.daemon.breakStreams()],
  'a store refuses': [2, (lab, n) => lab.failBucket(n, 'data')],
  'a store does not answer': [2, (lab, n) => lab.failBucket(n, 'store')],
  'a store is slow': [1, (lab, n) => lab.holdBucket(n)],
  'stores are well': [3, (lab) => lab.mendBuckets()],
  'an image is lost': [1, (lab) => lab.loseImage()],
  'editors are not ready': [1, (lab, n) => Object.assign(lab.editor, { isReady: n % 3 > 0 })],

  'a control plane starts': [3, (lab) => lab.startControlPlane()],
  'a control plane freezes': [2, (lab, n) => lab.freeze(n)],
  'a control plane thaws': [2, (lab, n) => lab.thaw(n)],
  'a control plane stops': [1, (lab, n) => lab.stopControlPlane(n)],
  'leases run out': [3, (lab) => lab.expireLeases()],
  sweep: [2, (lab) => lab.sweep()],
  'time goes by': [6, (lab, n) => lab.clock.advance(JUMPS[n % JUMPS.length] ?? 1)],
  'all is well for a while': [3, (lab) => lab.heal()],
  'one comes up': [8, (lab, n) => lab.untilUp(n)],
  'all go on': [8, (lab, n, m) => lab.breathe(n * 2 + (m % 10))],
}

class Command implements fc.AsyncCommand<Model, Lab> {
  readonly #name: string
  readonly #n: number
  readonly #m: number

  constructor(name: string, n: number, m: number) {
    this.#name = name
    this.#n = n
    this.#m = m
  }

  check(): boolean {
    return true
  }

  async run(model: Model, lab: Lab): Promise<void> {
    model.acts += 1
    await ACTS[this.#name]?.[1](lab, this.#n, this.#m)
    await lab.breathe(this.#m % 5)
    if (model.acts % 20 === 0) assertNone(await lab.violations())
  }

  toString(): string {
    return `${this.#name} (${this.#n}, ${this.#m})`
  }
}

/** Throws with every violation. */
export function assertNone(violations: Awaited<ReturnType<Lab['violations']>>): void {
  if (violations.length === 0) return
  throw new Error(violations.map(({ invariant, what }) => `${invariant}: ${what}`).join('\n'))
}

export function commands(maxCommands: number) {
  const arbitraries = Object.entries(ACTS).flatMap(([name, [weight]]) => {
    const arbitrary = fc.tuple(fc.nat(11), fc.nat(99)).map(([n, m]) => new Command(name, n, m))
    return Array.from({ length: weight }, () => arbitrary)
  })
  return fc.commands(arbitraries, { maxCommands, size: 'max' })
}
