/** The audit log: who asked for what, when, and what became of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  CREATE,
  CREATE_DATA_STORE,
  CREATE_PROJECT,
  DELETE,
  type Result,
  SMALL,
  START,
  STOP,
  UPDATE,
} from './documents.ts'
import { type User, uuidOf, type World, world } from './world.ts'

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

interface Entry {
  mutation: string
  subject: string | null
  outcome: string
  code: string | null
}

const LOG = `query ($id: ID!, $first: Int, $after: String) { project(id: $id) { name auditLog(first: $first, after: $after) {
  edges { node { at user { name } tokenId mutation subject outcome code message } } pageInfo { hasNextPage endCursor } } } }`

type Page = { auditLog: { edges: { node: Entry }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } | null }

async function page(as: User, projectId: string, args: object = {}) {
  const { data, errors } = await w.as(as)<{ project: Page }>(LOG, { id: projectId, ...args })
  return { errors, log: data.project.auditLog }
}

async function entries(as: User, projectId: string): Promise<Entry[]> {
  return (await page(as, projectId)).log?.edges.map(({ node }) => node) ?? []
}

const create = async (as: User, projectId: string) =>
  (await w.as(as)<Result>(CREATE, { input: { projectId, ...SMALL } })).data.result.id

test('has every mutation, the newest first: by whom, with which token, about what', async () => {
  const { owner, projectId } = await w.tenant()
  const operator = await w.join(projectId, 'OPERATOR')
  const notebookId = await create(owner, projectId)
  await w.as(operator)(STOP, { input: { notebookId } })
  const { name, tokenId } = operator.viewer
  const done = { outcome: 'DONE', code: null, message: null }
  expect(await entries(owner, projectId)).toMatchObject([
    { ...done, mutation: 'stopNotebook', subject: notebookId, user: { name }, tokenId },
    { ...done, mutation: 'createNotebook', subject: projectId, user: { name: owner.viewer.name } },
  ])
})

test('begins with the creation of the project', async () => {
  const user = await w.user()
  const { data } = await w.as(user)<Result>(CREATE_PROJECT, { input: { name: 'x' } })
  expect(await entries(user, data.result.id)).toMatchObject([{ mutation: 'createProject', subject: null }])
})

test('has what was refused, with the reason, also to people who are no members', async () => {
  const { owner, projectId } = await w.tenant()
  const notebookId = await create(owner, projectId)
  const start = (as: User) => w.as(as)(START, { input: { notebookId } })
  await start(owner)
  await start(await w.join(projectId, 'READER'))
  await start(await w.user())
  expect((await entries(owner, projectId)).slice(0, 3)).toMatchObject([
    { outcome: 'REFUSED', code: 'NOT_FOUND' },
    { outcome: 'REFUSED', code: 'FORBIDDEN', message: 'This needs the role OPERATOR in the project; yours is READER.' },
    { outcome: 'REFUSED', code: 'INVALID_STATE', subject: notebookId },
  ])
})

test('keeps what was done to things that are deleted by now', async () => {
  const { owner, projectId } = await w.tenant()
  const notebookId = await create(owner, projectId)
  await w.as(owner)(DELETE, { input: { notebookId, force: true } })
  await w.database.notebook.update({ where: { id: uuidOf(notebookId) }, data: { deletedAt: new Date() } })
  await w.as(owner)(UPDATE, { input: { notebookId, name: 'y' } })
  expect((await entries(owner, projectId)).map(({ mutation, code }) => [mutation, code])).toEqual([
    ['updateNotebook', 'NOT_FOUND'],
    ['deleteNotebook', null],
    ['createNotebook', null],
  ])
})

test('holds nothing of the input but the id of what it is about', async () => {
  const { owner, projectId } = await w.tenant()
  const keys = { accessKeyId: 'hunter1', secretAccessKey: 'hunter2' }
  const input = { projectId, name: 's', endpoint: 'https://s3.example.com', region: 'r', ...keys }
  await w.as(owner)(CREATE_DATA_STORE, { input })
  const rows = await w.database.auditEntry.findMany({ where: { projectId: uuidOf(projectId) } })
  expect(rows).toHaveLength(1)
  expect(JSON.stringify(rows)).not.toContain('hunter')
})

test('comes in pages that neither lose nor repeat an entry', async () => {
  const { owner, projectId } = await w.tenant()
  for (let count = 0; count < 5; count++) await create(owner, projectId)
  const all = await entries(owner, projectId)
  const first = (await page(owner, projectId, { first: 3 })).log
  const second = (await page(owner, projectId, { first: 3, after: first?.pageInfo.endCursor })).log
  expect(first?.pageInfo.hasNextPage).toBe(true)
  expect([...(first?.edges ?? []), ...(second?.edges ?? [])].map(({ node }) => node)).toEqual(all)
})

test.each(['OPERATOR', 'READER'] as const)('is not for an %s, whose project is shown nevertheless', async (role) => {
  const { projectId } = await w.tenant()
  const { log, errors } = await page(await w.join(projectId, role), projectId)
  expect(log).toBeNull()
  expect(errors).toMatchObject([{ path: ['project', 'auditLog'], extensions: { code: 'FORBIDDEN' } }])
})

test('a mutation that cannot be put on record is not answered as if all were well', async () => {
  const { owner, projectId } = await w.tenant()
  await w.database.$executeRaw`ALTER TABLE "AuditEntry" RENAME TO "AuditEntryAway"`
  const { errors } = await w.as(owner)(CREATE, { input: { projectId, ...SMALL } })
  await w.database.$executeRaw`ALTER TABLE "AuditEntryAway" RENAME TO "AuditEntry"`
  expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL' } }])
})
