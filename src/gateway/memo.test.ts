import { expect, test } from 'vitest'
import { StillClock } from '../../test/gateway/world.ts'
import { Memo } from './memo.ts'

function counted(): { asked: () => number; ask: () => Promise<number> } {
  let times = 0
  return { asked: () => times, ask: async () => ++times }
}

test('an answer is given again until its time is over', async () => {
  const clock = new StillClock()
  const memo = new Memo<number>(clock, 1_000)
  const { ask, asked } = counted()
  expect([await memo.get('a', ask), await memo.get('a', ask)]).toEqual([1, 1])
  clock.pass(1_000)
  expect(await memo.get('a', ask)).toBe(2)
  expect(asked()).toBe(2)
})

test('any number who ask at once cost one question', async () => {
  const memo = new Memo<number>(new StillClock(), 1_000)
  const { ask, asked } = counted()
  await Promise.all(Array.from({ length: 10 }, () => memo.get('a', ask)))
  expect(asked()).toBe(1)
})

test('what is dropped while it is asked for is asked for again by who comes next', async () => {
  const memo = new Memo<string>(new StillClock(), 1_000)
  const { promise, resolve } = Promise.withResolvers<string>()
  const early = memo.get('a', () => promise)
  memo.drop('a')
  resolve('old')
  expect(await early).toBe('old')
  expect(await memo.get('a', async () => 'new')).toBe('new')
})

test('a failure is told to those who asked and then forgotten', async () => {
  const memo = new Memo<string>(new StillClock(), 1_000)
  await expect(memo.get('a', () => Promise.reject(new Error('no answer')))).rejects.toThrow('no answer')
  expect(await memo.get('a', async () => 'yes')).toBe('yes')
})

test('its size is bounded, and the newest stay', async () => {
  const memo = new Memo<number>(new StillClock(), 1_000)
  const { ask, asked } = counted()
  for (let key = 0; key < 20_000; key += 1) await memo.get(String(key), ask)
  await memo.get('19999', ask)
  expect(asked()).toBe(20_000)
  await memo.get('0', ask)
  expect(asked()).toBe(20_001)
})
