/** The contract's rules on what goes in and comes out: a document on stdin, lines, logs, events. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { EngineEvent } from '../../../src/engine/port.ts'
import { type Bench, collect, endOf, MUTTERED, NEVER, SPOKEN } from './bench.ts'

export function testStreams(bench: Bench): void {
  test('a document of 1 MiB arrives whole on stdin, and ends', async () => {
    const document = 'plän '.repeat(2 ** 20 / 6)
    const id = await bench.engine.create(bench.specOf('digests', { stdin: true }))
    await bench.engine.start(id, document)
    await endOf(bench.engine, id)
    expect(await bench.engine.logTail(id, 1)).toEqual([createHash('sha256').update(document).digest('hex')])
  })

  test('a process that ends without reading its document holds nobody up', async () => {
    const id = await bench.engine.create(bench.specOf('ends', { stdin: true }))
    await bench.engine.start(id, 'x'.repeat(2 ** 20))
    await endOf(bench.engine, id)
    expect(await bench.statusOf(id)).toMatchObject({ exitCode: 0 })
  })

  test('lines are those of stdout from the start on, for those who follow and those who come late', async () => {
    const id = await bench.begin('speaks')
    expect(await collect(bench.engine.lines(id, NEVER))).toEqual(SPOKEN)
    await endOf(bench.engine, id)
    expect(await collect(bench.engine.lines(id, NEVER))).toEqual(SPOKEN)
  })

  test('lines end on abort, and when the container is removed', async () => {
    const id = await bench.beginReady('defies')
    const abort = new AbortController()
    const aborted = bench.engine.lines(id, abort.signal)[Symbol.asyncIterator]()
    const removed = bench.engine.lines(id, NEVER)[Symbol.asyncIterator]()
    expect((await aborted.next()).value).toBe('ready')
    expect((await removed.next()).value).toBe('ready')
    abort.abort()
    expect((await aborted.next()).done).toBe(true)
    await bench.engine.remove(id, { force: true })
    expect((await removed.next()).done).toBe(true)
  })

  test('the end of the log has both streams', async () => {
    const id = await bench.run('speaks')
    const log = await bench.engine.logTail(id, 100)
    expect(log.filter((line) => line !== MUTTERED)).toEqual(SPOKEN)
    expect(log).toContain(MUTTERED)
    expect(await bench.engine.logTail(id, 2)).toEqual(log.slice(-2))
  })

  test('events tell of this installation’s containers, in order, until they are no longer wanted', async () => {
    const abort = new AbortController()
    const events = bench.engine.events(abort.signal)[Symbol.asyncIterator]()
    const first = await firstEvent(events, () => bench.run('ends'))
    expect(first.action).toBe('started')

    const { neighbour } = bench.under
    const theirs = await neighbour.create(bench.specOf('ends', { identity: bench.foreignIdentity() }))
    await neighbour.start(theirs)
    await endOf(neighbour, theirs)
    const { identity } = bench.specOf('ends')
    const id = await bench.run('ends', { identity })
    await bench.engine.remove(id, { force: false })
    const seen: EngineEvent[] = []
    while (seen.at(-1)?.action !== 'removed') {
      const { value } = await events.next()
      expect(value.containerId).not.toBe(theirs)
      if (value.containerId === id) seen.push(value)
    }
    expect(seen).toEqual(
      ['started', 'ended', 'removed'].map((action) => ({ containerId: id, notebook: identity.notebook, action })),
    )
    abort.abort()
    expect((await events.next()).done).toBe(true)
  })
}

/** Nobody can tell when a subscription has begun, so something is made to happen until it is heard of. */
async function firstEvent(
  events: AsyncIterator<EngineEvent>,
  makeSomethingHappen: () => Promise<unknown>,
): Promise<EngineEvent> {
  let heard: EngineEvent | undefined
  const hearing = events.next().then(({ value }) => {
    heard = value
  })
  while (!heard) await makeSomethingHappen()
  await hearing
  return heard
}
