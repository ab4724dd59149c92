import { expect, test } from 'vitest'
import { SharedTasks, type Work } from './shared-task.ts'

/** Work that ends when the test says so, and keeps what was asked of it. */
function controlledWork() {
  const runs: { tell: (progress: string) => void; signal: AbortSignal; end: PromiseWithResolvers<string> }[] = []
  const work: Work<string, string> = (tell, signal) => {
    const end = Promise.withResolvers<string>()
    signal.addEventListener('abort', () => end.reject(signal.reason))
    runs.push({ tell, signal, end })
    return end.promise
  }
  return { runs, work }
}

const never = new AbortController().signal
const quiet = () => undefined

test('simultaneous callers share one run; who comes later hears the latest progress at once', async () => {
  const { runs, work } = controlledWork()
  const tasks = new SharedTasks<string, string>()
  const heard: string[] = []
  const first = tasks.run('image', work, (progress) => heard.push(`first ${progress}`), never)
  runs[0]?.tell('half')
  const second = tasks.run('image', work, (progress) => heard.push(`second ${progress}`), never)
  runs[0]?.tell('whole')
  runs[0]?.end.resolve('done')
  expect(await Promise.all([first, second])).toEqual(['done', 'done'])
  expect(runs.length).toBe(1)
  expect(heard).toEqual(['first half', 'second half', 'first whole', 'second whole'])
})

test('one caller that gives up is rejected at once, and the work goes on for the others', async () => {
  const { runs, work } = controlledWork()
  const tasks = new SharedTasks<string, string>()
  const patience = new AbortController()
  const first = tasks.run('image', work, quiet, patience.signal)
  const second = tasks.run('image', work, quiet, never)
  patience.abort(new Error('enough'))
  await expect(first).rejects.toThrow('enough')
  expect(runs[0]?.signal.aborted).toBe(false)
  runs[0]?.end.resolve('done')
  expect(await second).toBe('done')
})

test('the work is aborted when the last caller gave up, and the next caller begins anew', async () => {
  const { runs, work } = controlledWork()
  const tasks = new SharedTasks<string, string>()
  const patience = new AbortController()
  const calls = [1, 2].map(() => tasks.run('image', work, quiet, patience.signal))
  patience.abort(new Error('enough'))
  await Promise.allSettled(calls)
  expect(runs[0]?.signal.aborted).toBe(true)
  const next = tasks.run('image', work, quiet, never)
  expect(runs.length).toBe(2)
  runs[1]?.end.resolve('done')
  expect(await next).toBe('done')
})

test('a failure reaches every caller, and is not remembered', async () => {
  const { runs, work } = controlledWork()
  const tasks = new SharedTasks<string, string>()
  const calls = [1, 2].map(() => tasks.run('image', work, quiet, never))
  runs[0]?.end.reject(new Error('no disk'))
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = tasks.run('image', work, quiet, never)
  runs[1]?.end.resolve('done')
  expect(await next).toBe('done')
})
