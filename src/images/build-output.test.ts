import { expect, test } from 'vitest'
import type { Clock } from '../domain/clock.ts'
import { BuildOutput } from './build-output.ts'

function readAt(seconds: { now: number }) {
  const messages: string[] = []
  const clock: Clock = { now: () => new Date(seconds.now * 1000), random: () => 0, sleep: () => Promise.resolve() }
  return { messages, output: new BuildOutput('lab', ({ message }) => messages.push(message), clock) }
}

test('each step is told once, also when its line arrives in pieces', () => {
  const { messages, output } = readAt({ now: 0 })
  output.add('Step 1/2 : FROM ba')
  output.add(
    'se\n ---> 22e003e0ad29\nStep 2/2 : RUN apt-get update   && apt-get install -y one two three four five six seven\n',
  )
  expect(messages).toEqual([
    'Building lab, step 1 of 2: FROM base',
    'Building lab, step 2 of 2: RUN apt-get update && apt-get install -y one two three four fiv…',
  ])
})

test('a long step that goes on talking repeats its message every five seconds', () => {
  const seconds = { now: 0 }
  const { messages, output } = readAt(seconds)
  output.add('Step 1/1 : RUN make\n')
  for (seconds.now = 1; seconds.now <= 10; seconds.now++) output.add('compiling\n')
  expect(messages).toEqual(Array(3).fill('Building lab, step 1 of 1: RUN make'))
})

test('the tail is the last twenty lines, without colours', () => {
  const { output } = readAt({ now: 0 })
  for (let line = 1; line <= 100; line++) output.add(`line ${line}\n`)
  output.add('\u001b[91mno such package\u001b[0m')
  const tail = output.tail().split('\n')
  expect(tail).toHaveLength(20)
  expect(tail.at(-2)).toBe('line 100')
  expect(tail.at(-1)).toBe('no such package')
})
