/** A project's S3 endpoints. Their keys are sealed here and never shown again. */
import { randomUUID } from 'node:crypto'
import { requireRoleInAll } from '../access/policy.ts'
import type { Viewer } from '../access/tokens.ts'
import { sealCredentials } from '../data/credentials.ts'
import { ConflictError, DataStoreError } from '../domain/errors.ts'
import { notFound, requireId } from '../domain/ids.ts'
import { Problems } from '../domain/problems.ts'
import { bucketProblem, normalPrefix, prefixProblem } from '../domain/volumes.ts'
import type { DataStore } from '../generated/prisma/client.ts'
import { wishErrand } from '../store/errands.ts'
import type { UseCaseParts } from './parts.ts'

export interface CreateDataStoreInput {
  projectId: string
  name: string
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  pathStyle?: boolean | null | undefined
}

/** Throws NotFoundError, ForbiddenError, ValidationError, and ConflictError when the project has a store of that name. */
export async function createDataStore(
  { database, vault }: UseCaseParts,
  viewer: Viewer,
  input: CreateDataStoreInput,
): Promise<DataStore> {
  const projectId = requireId('Project', input.projectId)
  await requireRoleInAll(database, viewer, 'OPERATOR', 'Project', projectId)
  check(input)
  const { name, endpoint, region, accessKeyId, secretAccessKey } = input
  const id = randomUUID()
  return database.$transaction(async (tx) => {
    // Two stores of one name made at once would both pass; the lock makes them come one after the other.
    await tx.$queryRaw`SELECT FROM "Project" WHERE "id" = ${projectId}::uuid FOR NO KEY UPDATE`
    if ((await tx.dataStore.count({ where: { projectId, name, deletedAt: null } })) > 0)
      throw new ConflictError(`The project has a data store named ${name} already.`)
    return tx.dataStore.create({
      data: {
        id,
        projectId,
        name,
        endpoint: new URL(endpoint).href.replace(/\/+$/, ''),
        region,
        pathStyle: input.pathStyle ?? true,
        credentials: sealCredentials(vault, id, { accessKeyId, secretAccessKey }),
      },
    })
  })
}

function check({ name, endpoint, region, accessKeyId, secretAccessKey }: CreateDataStoreInput): void {
  const problems = new Problems()
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    problems.note('name', 'must be 1 to 63 letters, digits, ".", "_" and "-", beginning with a letter or digit.')
  problems.note('endpoint', endpointProblem(endpoint))
  if (!/^[A-Za-z0-9-]{1,63}$/.test(region))
    problems.note('region', 'must be letters, digits and "-", such as eu-west-1.')
  if (!/^[\x21-\x7e]{1,256}$/.test(accessKeyId)) problems.note('accessKeyId', 'must be 1 to 256 printable characters.')
  if (!/^[\x21-\x7e]{1,256}$/.test(secretAccessKey))
    problems.note('secretAccessKey', 'must be 1 to 256 printable characters.')
  problems.throwIfAny()
}

/** Whether the address may be dialled is judged where the connection is made. */
function endpointProblem(endpoint: string): string | null {
  if (!/^[\x21-\x7e]{1,2048}$/.test(endpoint)) return 'must be 1 to 2,048 printable characters without blanks.'
  const url = URL.parse(endpoint)
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'must be an address such as https://s3.example.com.'
  if (url.username || url.password) return 'must not hold a user name or password.'
  return url.search || url.hash ? 'must not have a query or a fragment.' : null
}

export interface DeleteDataStoreInput {
  dataStoreId: string
}

/** Throws NotFoundError, ForbiddenError, and DataStoreError while a notebook has a volume of it. */
export async function deleteDataStore(
  { database }: UseCaseParts,
  viewer: Viewer,
  input: DeleteDataStoreInput,
): Promise<DataStore> {
  const id = requireId('DataStore', input.dataStoreId)
  await requireRoleInAll(database, viewer, 'OPERATOR', 'DataStore', id)
  return database.$transaction(async (tx) => {
    // Waits for notebooks that are being created with it, which hold the row until their volumes are written.
    const [there] = await tx.$queryRaw<unknown[]>`
      SELECT "id" FROM "DataStore" WHERE "id" = ${id}::uuid AND "deletedAt" IS NULL FOR UPDATE`
    if (!there) throw notFound('DataStore')
    const users = await tx.notebook.findMany({
      where: { deletedAt: null, volumes: { some: { dataStoreId: id } } },
      orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
      select: { name: true },
      take: 3,
    })
    if (users.length > 0)
      throw new DataStoreError(`Notebooks use this data store, among them ${users.map(({ name }) => name).join(', ')}.`)
    return tx.dataStore.update({ where: { id }, data: { deletedAt: new Date() } })
  })
}

export interface TestDataStoreInput {
  dataStoreId: string
  bucket: string
  prefix?: string | null | undefined
}

/**
 * Wishes a test of the store with that bucket; one of the same that is not over is joined. What an earlier one found is
 * forgotten. Throws NotFoundError, ForbiddenError, ValidationError.
 */
export async function testDataStore(
  { database }: UseCaseParts,
  viewer: Viewer,
  input: TestDataStoreInput,
): Promise<DataStore> {
  const id = requireId('DataStore', input.dataStoreId)
  await requireRoleInAll(database, viewer, 'OPERATOR', 'DataStore', id)
  const problems = new Problems()
  problems.note('bucket', bucketProblem(input.bucket))
  const prefix = normalPrefix(input.prefix ?? '')
  problems.note('prefix', prefixProblem(prefix))
  problems.throwIfAny()
  return database.$transaction(async (tx) => {
    // Two tests wished at once come one after the other, and so the second joins the first.
    await tx.$queryRaw`SELECT FROM "DataStore" WHERE "id" = ${id}::uuid FOR UPDATE`
    const test = { kind: 'TEST', dataStoreId: id, bucket: input.bucket, prefix } as const
    const open = await tx.storeErrand.count({ where: { ...test, state: { in: ['PENDING', 'RUNNING'] } } })
    if (open === 0) {
      await tx.storeErrand.deleteMany({ where: { kind: 'TEST', dataStoreId: id, state: { in: ['DONE', 'FAILED'] } } })
      await wishErrand(tx, test)
    }
    return tx.dataStore.findUniqueOrThrow({ where: { id } })
  })
}
