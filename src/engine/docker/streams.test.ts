import { expect, test } from 'vitest'
import { FrameParser, LineSplitter } from './streams.ts'

const STDOUT = 1
const STDERR = 2

function frame(stream: number, text: string): Buffer {
  const data = Buffer.from(text)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(data.length, 4)
  return Buffer.concat([header, data])
}

function texts(parser: FrameParser, chunk: Buffer): string[] {
  return parser.push(chunk).map(({ stream, data }) => `${stream}: ${data}`)
}

test('frames of both streams come out of one chunk', () => {
  const chunk = Buffer.concat([frame(STDOUT, 'a'), frame(STDERR, 'b'), frame(STDOUT, '')])
  expect(texts(new FrameParser(), chunk)).toEqual(['stdout: a', 'stderr: b', 'stdout: '])
})

test('a frame may be cut anywhere, also within its header', () => {
  const bytes = Buffer.concat([frame(STDOUT, 'first'), frame(STDERR, 'second')])
  for (let cut = 0; cut <= bytes.length; cut++) {
    const parser = new FrameParser()
    const parts = [...texts(parser, bytes.subarray(0, cut)), ...texts(parser, bytes.subarray(cut))]
    expect(parts).toEqual(['stdout: first', 'stderr: second'])
  }
})

test('lines and characters may be cut anywhere', () => {
  const bytes = Buffer.from('grün\n\n{"€":"😀"}\n')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const splitter = new LineSplitter()
    const lines = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut)), ...splitter.end()]
    expect(lines).toEqual(['grün', '', '{"€":"😀"}'])
  }
})

test('a last line without an end is a line', () => {
  const splitter = new LineSplitter()
  expect(splitter.push(Buffer.from('whole\nbroken'))).toEqual(['whole'])
  expect(splitter.end()).toEqual(['broken'])
  expect(splitter.end()).toEqual([])
})

test('a line that never ends is cut, so that memory stays bounded', () => {
  const splitter = new LineSplitter()
  const lengths = Array.from({ length: 40 }, () => splitter.push(Buffer.alloc(2 ** 16, 'x'))).flatMap((lines) =>
    lines.map(({ length }) => length),
  )
  expect(lengths).toEqual([17 * 2 ** 16, 17 * 2 ** 16])
})
