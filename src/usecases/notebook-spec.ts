/**
 * From what a caller asks for to a notebook that can be made: every field is checked, and all that is wrong is said at
 * once, each thing with its path.
 */
import type { Viewer } from '../access/tokens.ts'
import type { Catalogue, Flavor } from '../domain/catalogue.ts'
import { checkEnv, type EnvVar } from '../domain/env.ts'
import { decodeId } from '../domain/ids.ts'
import { checkLabels, type Label, withTokensLabel } from '../domain/labels.ts'
import { makeName } from '../domain/names.ts'
import { nameProblem, Problems, wholeNumberProblem } from '../domain/problems.ts'
import { RUN_LIMIT_SECONDS } from '../domain/run-limit.ts'
import {
  bucketProblem,
  MAX_VOLUMES,
  mountClash,
  mountPathProblem,
  normalMountPath,
  normalPrefix,
  prefixProblem,
} from '../domain/volumes.ts'
import type { VolumePermission } from '../generated/prisma/client.ts'
import type { Transaction } from '../store/database.ts'
import type { UseCaseParts } from './parts.ts'

type Maybe<T> = T | null | undefined

interface BucketSourceInput {
  dataStoreId: string
  bucket: string
  prefix?: Maybe<string>
}

interface VolumeInput {
  bucket?: Maybe<BucketSourceInput>
  mountPath: string
  permission?: Maybe<VolumePermission>
}

/** What a caller may ask for; null and missing mean the default. */
export interface NotebookRequest {
  name?: Maybe<string>
  editor: string
  framework: string
  frameworkVersion?: Maybe<string>
  flavor?: Maybe<string>
  units?: Maybe<number>
  volumes?: Maybe<readonly VolumeInput[]>
  labels?: Maybe<readonly Label[]>
  env?: Maybe<readonly EnvVar[]>
  autoRestart?: Maybe<boolean>
  maxRunSeconds?: Maybe<number>
  publicAccess?: Maybe<boolean>
}

interface VolumeSpec {
  dataStoreId: string
  bucket: string
  prefix: string
  mountPath: string
  permission: VolumePermission
}

/** Checked, with every default filled in. */
export interface NotebookSpec {
  name: string
  editor: string
  framework: string
  frameworkVersion: string
  flavor: Flavor
  units: number
  volumes: readonly VolumeSpec[]
  labels: readonly Label[]
  env: readonly EnvVar[]
  autoRestart: boolean
  maxRunSeconds: number | null
  publicAccess: boolean
}

const LEAST_RUN_SECONDS = 60

export function maxRunProblem(seconds: Maybe<number>): string | null {
  return seconds === null || seconds === undefined
    ? null
    : wholeNumberProblem(seconds, LEAST_RUN_SECONDS, RUN_LIMIT_SECONDS)
}

/**
 * Throws ValidationError with everything that is wrong. The data stores that the volumes name are read and stay as they are
 * until the transaction ends.
 */
export async function checkRequest(
  tx: Transaction,
  { catalogue, clock }: UseCaseParts,
  { scope }: Viewer,
  projectId: string,
  request: NotebookRequest,
): Promise<NotebookSpec> {
  const problems = new Problems()
  const image = checkImage(catalogue, request, problems)
  const { flavor, units } = checkSize(catalogue, request, problems)
  const volumes = await checkVolumes(tx, projectId, request.volumes ?? [], problems)
  if (typeof request.name === 'string') problems.note('name', nameProblem(request.name))
  const labels = withTokensLabel(request.labels ?? [], scope.label, problems)
  checkLabels(labels, problems)
  const env = request.env ?? []
  checkEnv(env, problems)
  problems.note('maxRunSeconds', maxRunProblem(request.maxRunSeconds))
  problems.throwIfAny()
  return {
    ...image,
    name: request.name ?? makeName(image.editor, () => clock.random()),
    // Known: an unknown flavor was noted above.
    flavor: flavor as Flavor,
    units,
    volumes,
    labels,
    env,
    autoRestart: request.autoRestart ?? false,
    maxRunSeconds: request.maxRunSeconds ?? null,
    publicAccess: request.publicAccess ?? false,
  }
}

/** Notes what is wrong with the editor and its framework; without a version it is the newest that has the editor. */
export function checkImage(
  catalogue: Catalogue,
  request: Pick<NotebookRequest, 'editor' | 'framework' | 'frameworkVersion'>,
  problems: Problems,
) {
  const { editor } = request
  const isKnown = catalogue.editors.some(({ id }) => id === editor)
  if (!isKnown) problems.note('editor', unknown('editor', catalogue.editors))
  const framework = catalogue.frameworks.find(({ id }) => id === request.framework)
  if (!framework) problems.note('framework', unknown('framework', catalogue.frameworks))
  const wanted = request.frameworkVersion
  const version = framework?.versions.find((each) =>
    wanted ? each.version === wanted : Object.hasOwn(each.images, editor),
  )
  if (framework && wanted && !version)
    problems.note(
      'frameworkVersion',
      `is none of ${framework.id}: ${framework.versions.map((each) => each.version).join(', ')}.`,
    )
  else if (isKnown && framework && !(version && Object.hasOwn(version.images, editor)))
    problems.note('framework', `${framework.id} does not come with the editor ${editor}.`)
  return { editor, framework: request.framework, frameworkVersion: version?.version ?? '' }
}

/** Notes what is wrong with the flavor and its number; `flavor` is undefined when there is none such. */
export function checkSize(
  catalogue: Catalogue,
  request: Pick<NotebookRequest, 'flavor' | 'units'>,
  problems: Problems,
) {
  const wanted = request.flavor ?? catalogue.defaultFlavor
  const flavor = catalogue.flavors.find(({ id }) => id === wanted)
  if (!flavor) problems.note('flavor', unknown('flavor', catalogue.flavors))
  const units = request.units ?? 1
  problems.note('units', wholeNumberProblem(units, 1, flavor?.maxUnits ?? Number.MAX_SAFE_INTEGER))
  return { flavor, units }
}

function unknown(noun: string, offered: readonly { id: string }[]): string {
  return `is no ${noun} of this installation; there is ${offered.map(({ id }) => id).join(', ')}.`
}

async function checkVolumes(
  tx: Transaction,
  projectId: string,
  inputs: readonly VolumeInput[],
  problems: Problems,
): Promise<VolumeSpec[]> {
  if (inputs.length > MAX_VOLUMES) {
    problems.note('volumes', `must be at most ${MAX_VOLUMES}.`)
    return []
  }
  const paths = inputs.map(({ mountPath }) => normalMountPath(mountPath))
  const stores = await lockDataStores(tx, projectId, inputs)
  return inputs.map(({ bucket: source, permission }, index) => {
    const note = (field: string, problem: string | null) => problems.note(`volumes.${index}.${field}`, problem)
    const mountPath = paths[index] as string
    note('mountPath', mountPathProblem(mountPath) ?? mountClash(mountPath, paths.slice(0, index)))
    if (!source) note('bucket', 'is needed: it says where the data lies.')
    const dataStoreId = source ? decodeId('DataStore', source.dataStoreId) : null
    const bucket = source?.bucket ?? ''
    const prefix = normalPrefix(source?.prefix ?? '')
    if (source) {
      note('bucket.dataStoreId', dataStoreId && stores.has(dataStoreId) ? null : 'is no data store of this project.')
      note('bucket.bucket', bucketProblem(bucket))
      note('bucket.prefix', prefixProblem(prefix))
    }
    return { dataStoreId: dataStoreId ?? '', bucket, prefix, mountPath, permission: permission ?? 'RO' }
  })
}

/** The named data stores of the project that are there; nobody deletes them before the transaction has ended. */
async function lockDataStores(
  tx: Transaction,
  projectId: string,
  volumes: readonly VolumeInput[],
): Promise<ReadonlySet<string>> {
  const named = volumes.flatMap(({ bucket }) => (bucket ? [decodeId('DataStore', bucket.dataStoreId)] : []))
  const ids = named.filter((id) => id !== null)
  if (ids.length === 0) return new Set()
  const stores = await tx.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "DataStore"
    WHERE "id" = ANY(${ids}::uuid[]) AND "projectId" = ${projectId}::uuid AND "deletedAt" IS NULL
    ORDER BY "id" FOR KEY SHARE`
  return new Set(stores.map(({ id }) => id))
}
