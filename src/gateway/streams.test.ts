import pino from 'pino'
import { expect, test } from 'vitest'
import { StillClock } from '../../test/gateway/world.ts'
import { OpenStreams } from './streams.ts'

function openStreams() {
  const clock = new StillClock()
  return { clock, streams: new OpenStreams(clock, pino({ level: 'silent' })) }
}

/** A stream that is judged as the test says, one verdict a round. */
function stream(...verdicts: (boolean | Error)[]) {
  const cut = Promise.withResolvers<void>()
  let rounds = 0
  const stillAllowed = async () => {
    const verdict = verdicts[rounds++] ?? true
    if (verdict instanceof Error) throw verdict
    return verdict
  }
  return { stillAllowed, cut: cut.resolve, wasCut: cut.promise, rounds: () => rounds }
}

test('what nobody can judge stays open, and is judged again', async () => {
  const { clock, streams } = openStreams()
  const one = stream(new Error('no database'), false)
  streams.add(one)
  clock.pass(2_500)
  await expect.poll(() => one.rounds()).toBe(1)
  clock.pass(2_500)
  await one.wasCut
  streams.close()
})

test('what has closed is judged no more', async () => {
  const { clock, streams } = openStreams()
  const [one, other] = [stream(), stream(false)]
  streams.add(one)()
  streams.add(other)
  clock.pass(2_500)
  await other.wasCut
  expect(one.rounds()).toBe(0)
  streams.close()
})

test('what opens while the gateway closes is cut at once', async () => {
  const { streams } = openStreams()
  streams.close()
  const late = stream()
  streams.add(late)
  await late.wasCut
})
