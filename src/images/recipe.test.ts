import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Catalogue } from '../domain/catalogue.ts'
import { ImageError } from '../engine/port.ts'
import { readRecipe } from './recipe.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recipe-'))
  write('base', 'Dockerfile', 'FROM debian')
  write('lab', 'Dockerfile', 'FROM base')
})

afterEach(() => rmSync(folder, { recursive: true }))

function write(image: string, file: string, content: string, mode = 0o644): void {
  mkdirSync(join(folder, image), { recursive: true })
  writeFileSync(join(folder, image, file), content, { mode })
}

const images = {
  debian: { pull: 'debian:trixie-slim' },
  base: { build: 'base', needs: 'debian' },
  lab: { build: 'lab', needs: 'base' },
  other: { build: 'lab', needs: 'base', args: { FLAVOR: 'sour' } },
  nowhere: { build: 'nowhere' },
}

const nameOf = (id: string, of: Catalogue['images'] = images) =>
  readRecipe({ images: of } as unknown as Catalogue, folder, id).name

test('an image that is pulled keeps the reference it is given', () => {
  expect(nameOf('debian')).toBe('debian:trixie-slim')
})

test('an image that is built is named by its id and twelve digits, the same for the same content', () => {
  expect(nameOf('lab')).toMatch(/^cahier\/lab:[0-9a-f]{12}$/)
  expect(nameOf('lab')).toBe(nameOf('lab'))
})

test('a change of content, of an argument, of a file being executable, or of the image below makes another name', () => {
  const names = [nameOf('lab').split(':')[1], nameOf('other').split(':')[1]]
  write('lab', 'start.sh', 'exec lab', 0o644)
  names.push(nameOf('lab').split(':')[1])
  rmSync(join(folder, 'lab/start.sh'))
  write('lab', 'start.sh', 'exec lab', 0o755)
  names.push(nameOf('lab').split(':')[1])
  write('base', 'Dockerfile', 'FROM debian\nUSER cahier')
  names.push(nameOf('lab').split(':')[1])
  names.push(nameOf('lab', { ...images, debian: { pull: 'debian:forky-slim' } }).split(':')[1])
  expect(new Set(names).size).toBe(names.length)
})

test('a change of one image leaves the names of those that do not need it as they are', () => {
  const base = nameOf('base')
  write('lab', 'Dockerfile', 'FROM base\nUSER cahier')
  expect(nameOf('base')).toBe(base)
})

test('an id that the catalogue lacks, or whose folder is not there, is an ImageError that names it', () => {
  expect(() => nameOf('unknown')).toThrow(new ImageError('The catalogue has no image unknown.'))
  expect(() => nameOf('nowhere')).toThrow(/The image nowhere cannot be built: .*no such file/)
})
