/**
 * What an installation offers: flavors with prices, editors, frameworks, and the images behind them. Parsed from one
 * JSON file that an operator edits; a mistake in it is one sentence with its path.
 */
import { z } from 'zod'
import { decimalToMicros } from './billing.ts'

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

const bytes = z.string().transform((text, context) => {
  const match = /^(\d+)(KiB|MiB|GiB)$/.exec(text)
  if (!match) {
    context.addIssue({ code: 'custom', message: `"${text}" is not a size such as 4GiB` })
    return z.NEVER
  }
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]
})

/** Euros per hour with up to six decimals, kept as integer millionths, so that no float is ever near money. */
const priceInMicros = z.string().transform((text, context) => {
  const micros = decimalToMicros(text)
  if (micros !== null) return micros
  context.addIssue({ code: 'custom', message: `"${text}" is not a price such as 0.03` })
  return z.NEVER
})

const Id = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'is not an id of a-z, 0-9, "." and "-"')

const Image = z.union([
  z.strictObject({
    /** Folder with a Dockerfile, beside the catalogue. */
    build: z.string(),
    args: z.record(z.string(), z.string()).optional(),
    /** Id of the image that the Dockerfile gets as BASE. */
    needs: z.string().optional(),
  }),
  z.strictObject({ pull: z.string() }),
])

const Catalogue = z
  .strictObject({
    currency: z.string().regex(/^[A-Z]{3}$/, 'is not a currency code such as EUR'),
    overcommit: z.strictObject({ cpu: z.number().positive(), memory: z.number().positive() }),
    /** What a pull leaves free on its node's disk: the larger of a share (0 … 1) and a size. */
    diskReserve: z
      .strictObject({ share: z.number().min(0).max(1), size: bytes })
      .prefault({ share: 0.1, size: '5GiB' })
      .transform(({ share, size }) => ({ share, bytes: size })),
    defaultFlavor: Id,
    flavors: z
      .array(
        z
          .strictObject({
            id: Id,
            name: z.string(),
            vcpus: z.number().positive(),
            memory: bytes,
            /** For the workspace, writable volumes and the writable layer of one unit. */
            disk: bytes.prefault('50GiB'),
            /** Shared memory of one unit, counted in its memory; half of it unless given. */
            shm: bytes.optional(),
            gpu: z.string().nullable(),
            pricePerHour: priceInMicros,
            maxUnits: z.number().int().positive(),
          })
          .transform(({ memory, shm = memory / 2, disk, pricePerHour, ...rest }) => ({
            ...rest,
            shmBytes: shm,
            diskBytes: disk,
            memoryBytes: memory,
            pricePerHourMicros: pricePerHour,
          })),
      )
      .min(1),
    editors: z
      .array(z.strictObject({ id: Id, name: z.string(), port: z.number().int(), readyPath: z.string() }))
      .min(1),
    frameworks: z
      .array(
        z.strictObject({
          id: Id,
          name: z.string(),
          /** Newest first; the first is the default. */
          versions: z.array(z.strictObject({ version: z.string(), images: z.record(z.string(), z.string()) })).min(1),
        }),
      )
      .min(1),
    images: z.record(z.string(), Image),
  })
  .superRefine((catalogue, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message })
    for (const [id, image] of Object.entries(catalogue.images))
      if ('needs' in image && image.needs && !catalogue.images[image.needs])
        refuse(`image ${id} needs ${image.needs}, which is not in the catalogue`)
    for (const framework of catalogue.frameworks)
      for (const version of framework.versions)
        for (const [editor, image] of Object.entries(version.images)) {
          if (!catalogue.images[image]) refuse(`framework ${framework.id} names the image ${image}, which is not there`)
          if (!catalogue.editors.some(({ id }) => id === editor))
            refuse(`framework ${framework.id} names the editor ${editor}, which is not there`)
        }
    if (!catalogue.flavors.some(({ id }) => id === catalogue.defaultFlavor))
      refuse(`the default flavor ${catalogue.defaultFlavor} is not there`)
  })

export type Catalogue = z.output<typeof Catalogue>
export type Flavor = Catalogue['flavors'][number]
export type Editor = Catalogue['editors'][number]
export type Framework = Catalogue['frameworks'][number]

export class CatalogueError extends Error {
  override readonly name = 'CatalogueError'
}

/** Throws CatalogueError with one sentence. `text` is the file's content. */
export function parseCatalogue(text: string): Catalogue {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new CatalogueError(`The catalogue is not JSON: ${(error as Error).message}.`)
  }
  const parsed = Catalogue.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new CatalogueError(`The catalogue, at ${issue?.path.join('.') || 'its top'}: ${issue?.message}.`)
}
