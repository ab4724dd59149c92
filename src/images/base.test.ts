import { expect, test } from 'vitest'
import { substituteFor } from './base.ts'

test('plain Debian has a substitute that needs no registry; other images have none', () => {
  expect(substituteFor('debian:trixie-slim')).toEqual({ suite: 'trixie', name: 'cahier/debian:trixie' })
  expect(substituteFor('ghcr.io/coder/code-server:4')).toBeNull()
  expect(substituteFor('registry.example.com/debian:trixie-slim')).toBeNull()
})
