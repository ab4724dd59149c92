import { expect, test } from 'vitest'
import { contentOfVolume, engineVolumeName } from './volume-names.ts'

const INSTALLATION = '5f0c3a52-9a8e-4b0c-9a57-2f0f6c1b7a11'
const NOTEBOOK = '0b9b4a3e-7c36-4f8e-8a30-53cf0d5c7d10'
const VOLUME = 'c1d9a2b4-0000-4000-8000-0123456789ab'

test('the name of a volume tells what is in it', () => {
  for (const content of ['workspace', 'side', VOLUME])
    expect(contentOfVolume(engineVolumeName(INSTALLATION, NOTEBOOK, '1a2b3c4d', content), NOTEBOOK)).toBe(content)
})

test('names of before there were tags are read too', () => {
  expect(contentOfVolume(`cahier-5f0c3a52-${NOTEBOOK}-workspace`, NOTEBOOK)).toBe('workspace')
  expect(contentOfVolume(`cahier-5f0c3a52-${NOTEBOOK}-${VOLUME}`, NOTEBOOK)).toBe(VOLUME)
})

test('other names tell nothing', () => {
  expect(contentOfVolume('data', NOTEBOOK)).toBeNull()
  expect(contentOfVolume(`cahier-5f0c3a52-${NOTEBOOK}-elsewhere`, NOTEBOOK)).toBeNull()
})
