import { expect, test } from 'vitest'
import { NOTEBOOK } from '../../test/gateway/world.ts'
import { GatewayDomain, parseLabel } from './origin.ts'

test('a label is a uuid, or a uuid and a port', () => {
  expect(parseLabel(NOTEBOOK.toUpperCase())).toEqual({ notebookId: NOTEBOOK, port: null, label: NOTEBOOK })
  expect(parseLabel(`${NOTEBOOK}-8888`)).toEqual({ notebookId: NOTEBOOK, port: 8888, label: `${NOTEBOOK}-8888` })
  for (const text of ['', 'x', `${NOTEBOOK}-`, `${NOTEBOOK}-0`, `${NOTEBOOK}-65536`, `${NOTEBOOK}-08`, ` ${NOTEBOOK}`])
    expect(parseLabel(text)).toBeNull()
})

test('everything below the domain is the gateway’s, and nothing else is', () => {
  const domain = new GatewayDomain('http://localhost:4000', 'notebooks.localhost:4000')
  for (const host of [
    'x.notebooks.localhost:4000',
    'X.Notebooks.localhost',
    'a.b.notebooks.localhost:1',
    'x.notebooks.localhost.',
  ])
    expect(domain.serves(host)).toBe(true)
  for (const host of [
    'notebooks.localhost:4000',
    'localhost:4000',
    'xnotebooks.localhost',
    'x.notebooks.localhost.evil',
    undefined,
  ])
    expect(domain.serves(host)).toBe(false)
})

test('the control plane may lie beside its notebooks', () => {
  const domain = new GatewayDomain('https://cahier.example.org', 'example.org')
  expect(domain.serves('cahier.example.org')).toBe(false)
  expect(domain.serves('other.example.org')).toBe(true)
})

test('an origin is written as browsers write it, without the port of its scheme', () => {
  const domain = new GatewayDomain('https://cahier.example.org:443/', 'Notebooks.Example.org:443')
  const address = parseLabel(NOTEBOOK)
  expect(address && domain.originOf(address)).toBe(`https://${NOTEBOOK}.notebooks.example.org`)
  expect(domain.controlPlane).toBe('https://cahier.example.org')
})
