import { describe, expect, test } from 'vitest'
import { Budget, inOrder } from './parallel.ts'

async function* numbers(count: number) {
  for (let i = 0; i < count; i++) yield i
}

describe('inOrder', () => {
  test('keeps the order while later work ends first, and never exceeds its width', async () => {
    let running = 0
    let most = 0
    const bounds = { width: 4, window: 100, abort: () => undefined }
    const results = []
    const work = async (item: number) => {
      most = Math.max(most, ++running)
      for (let turns = 20 - item; turns > 0; turns--) await Promise.resolve()
      running--
      return item
    }
    for await (const result of inOrder(numbers(20), bounds, work)) results.push(result)
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(most).toBe(4)
  })

  test('lets no more results wait than its window', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let started = 0
    const bounds = { width: 2, window: 5, abort: () => undefined }
    const results = inOrder(numbers(100), bounds, async (item) => {
      started++
      if (item === 0) await promise
      if (started === 5) resolve()
      return item
    })
    expect((await results.next()).value).toBe(0)
    expect(started).toBe(5)
    await results.return()
  })

  test('a failure aborts at once, waits for what is under way, and is what is thrown', async () => {
    const end = new AbortController()
    let unwound = 0
    const bounds = { width: 3, window: 10, abort: (reason: unknown) => end.abort(reason) }
    const work = async (item: number) => {
      if (item === 2) throw new Error('Two failed.')
      await new Promise((resolve) => end.signal.addEventListener('abort', resolve))
      unwound++
      throw end.signal.reason
    }
    const all = async () => {
      for await (const _ of inOrder(numbers(10), bounds, work)) expect.unreachable()
    }
    await expect(all()).rejects.toThrow('Two failed.')
    expect(unwound).toBe(2)
  })
})

describe('Budget', () => {
  test('grants in turn, so that a large claim is not starved by small ones', async () => {
    const budget = new Budget(10)
    const granted: string[] = []
    const first = await budget.claim(6)
    const large = budget.claim(8).then((release) => {
      granted.push('large')
      release()
    })
    const small = budget.claim(1).then(() => granted.push('small'))
    expect(granted).toEqual([])
    first()
    await Promise.all([large, small])
    expect(granted).toEqual(['large', 'small'])
  })

  test('a claim above the whole gets the whole', async () => {
    const budget = new Budget(10)
    const release = await budget.claim(1000)
    release()
    await budget.claim(10)
  })
})
