/**
 * The rules of the engine port, as tests that every engine must pass. They speak of containers only through the port, and
 * of programs only by what they do, so that a fake and a real daemon can be held to the same.
 */
import { afterAll, beforeAll, describe } from 'vitest'
import { testBelongings } from './contract/belongings.ts'
import { Bench, type EngineUnderTest } from './contract/bench.ts'
import { testContainers } from './contract/containers.ts'
import { testStreams } from './contract/streams.ts'

/** `open` is called once, before the tests; what it opened is disposed of after them. */
export function describeEngineContract(name: string, open: () => Promise<EngineUnderTest>): void {
  describe(`the engine contract, kept by ${name}`, () => {
    const bench = new Bench()

    beforeAll(async () => {
      bench.open(await open())
    })
    afterAll(() => bench.under[Symbol.asyncDispose]())

    testContainers(bench)
    testStreams(bench)
    testBelongings(bench)
  })
}
