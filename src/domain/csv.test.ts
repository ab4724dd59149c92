import { expect, test } from 'vitest'
import { csvOf } from './csv.ts'

test('cells with commas, quotes and line breaks are quoted', () => {
  expect(csvOf([['a', 'b,c', 'say "x"', 'two\nlines', '']])).toBe('a,"b,c","say ""x""","two\nlines",\r\n')
})

test('what a spreadsheet would take for a formula is text', () => {
  expect(csvOf([['=1+1', '@x', '-2', '=a,b']])).toBe(`'=1+1,'@x,'-2,"'=a,b"\r\n`)
})
