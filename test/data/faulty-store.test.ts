/** Between the mover and the real S3 server stands a proxy that fails now and then, as stores and networks do. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '../../src/mover/protocol.ts'
import { treeOf } from '../../src/mover/trial.ts'
import { LocalCopy } from './mover.ts'
import { Bucket, s3 } from './s3.ts'

let proxy: Server
let host: string
let requests = 0
let faults = 0

beforeAll(async () => {
  proxy = createServer(forward)
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
})

afterAll(async () => {
  proxy.closeAllConnections()
  await new Promise((resolve) => proxy.close(resolve))
})

/** Every 20th request gets a 500, every 17th a reset, every 11th body ends halfway. */
function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const count = ++requests
  if (count % 20 === 0) {
    faults++
    incoming.resume()
    outgoing.writeHead(500).end()
    return
  }
  if (count % 17 === 0) {
    faults++
    incoming.socket.destroy()
    return
  }
  const { hostname, port } = new URL(s3().endpoint)
  const { method, url, headers } = incoming
  const onwards = request({ hostname, port, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    const length = Number(answer.headers['content-length'] ?? 0)
    if (count % 11 !== 0 || length < 2 || method === 'HEAD') answer.pipe(outgoing)
    else sendHalf(answer, outgoing, length)
  })
  onwards.on('error', () => outgoing.destroy())
  incoming.pipe(onwards)
}

function sendHalf(answer: IncomingMessage, outgoing: ServerResponse, length: number): void {
  faults++
  let left = Math.floor(length / 2)
  answer.on('data', (chunk: Buffer) => {
    outgoing.write(chunk.subarray(0, left))
    left -= chunk.length
    if (left <= 0) outgoing.destroy()
  })
}

test('with 500s, resets and truncated bodies every byte still arrives, both ways', async () => {
  const bucket = await Bucket.create()
  const place = { bucket: bucket.name, source: { endpoint: `http://${host}` }, allowed: [host] }
  using here = new LocalCopy(place)
  mkdirSync(here.path('folder'))
  for (let i = 0; i < 200; i++) writeFileSync(here.path(`folder/f${i}`), randomBytes(5000).toString('hex'))
  writeFileSync(here.path('large'), randomBytes(20 * 1024 * 1024).toString('hex'))
  const pushed = await here.push()
  expect(pushed).toMatchObject({ code: EXIT.DONE, result: { state: 'done', failures: [], conflicts: [] } })
  expect(pushed.result?.bytesDone).toBe(pushed.result?.bytesTotal)
  using there = new LocalCopy(place)
  const pulled = await there.pull()
  expect(pulled).toMatchObject({ code: EXIT.DONE, result: { state: 'done', failures: [], conflicts: [] } })
  expect(pulled.result?.bytesDone).toBe(pulled.result?.bytesTotal)
  expect(treeOf(there.dataDir)).toEqual(treeOf(here.dataDir))
  expect(faults).toBeGreaterThan(50)
})
