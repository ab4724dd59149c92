import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { daemonMessages } from './messages.ts'

async function read(...chunks: (string | Buffer)[]): Promise<unknown[]> {
  return Array.fromAsync(daemonMessages(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))))
}

test('messages are found however the stream is cut, the last one also without an end of line', async () => {
  expect(await read('{"status":"Pull', 'ing"}\r\n{"id":"a"}\n\n{"err', 'or":"no"}')).toEqual([
    { status: 'Pulling' },
    { id: 'a' },
    { error: 'no' },
  ])
})

test('a character that is cut in two comes out whole', async () => {
  const line = Buffer.from('{"stream":"…"}\n')
  expect(await read(line.subarray(0, 12), line.subarray(12))).toEqual([{ stream: '…' }])
})

test('a stream that breaks off throws', async () => {
  const broken = new Readable({ read: () => undefined })
  const reading = Array.fromAsync(daemonMessages(broken))
  broken.destroy(new Error('connection lost'))
  await expect(reading).rejects.toThrow('connection lost')
})
