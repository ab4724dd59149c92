import { expect, test } from 'vitest'
import { Progress, type ProgressClock } from './progress.ts'

class HeldClock implements ProgressClock {
  time = 0
  #due: { at: number; call: () => void }[] = []

  now(): number {
    return this.time
  }

  later(milliseconds: number, call: () => void): () => void {
    const entry = { at: this.time + milliseconds, call }
    this.#due.push(entry)
    return () => {
      this.#due = this.#due.filter((other) => other !== entry)
    }
  }

  pass(milliseconds: number): void {
    this.time += milliseconds
    const due = this.#due.filter(({ at }) => at <= this.time)
    this.#due = this.#due.filter(({ at }) => at > this.time)
    for (const { call } of due) call()
  }
}

test('says at most four lines in any second, the last one included, and the last one is exact', () => {
  const clock = new HeldClock()
  const lines: { at: number; stage: string; bytes: number }[] = []
  const progress = new Progress(
    (stage, { bytesDone }) => lines.push({ at: clock.time, stage, bytes: bytesDone }),
    clock,
  )
  progress.totals(1000, 1000)
  for (let i = 0; i < 1000; i++) {
    progress.add('bytesDone')
    clock.pass(5)
  }
  progress.end('done')
  clock.pass(10_000)
  expect(lines.at(-1)).toEqual({ at: 5000, stage: 'done', bytes: 1000 })
  for (const { at } of lines)
    expect(lines.filter((line) => line.at >= at && line.at < at + 1000).length).toBeLessThanOrEqual(4)
  expect(lines.length).toBeGreaterThan(12)
})

test('what happens once is said although nothing follows', () => {
  const clock = new HeldClock()
  const stages: string[] = []
  const progress = new Progress((stage) => stages.push(stage), clock)
  progress.stage('listing')
  progress.stage('verifying')
  clock.pass(400)
  expect(stages).toEqual(['listing', 'verifying'])
})
