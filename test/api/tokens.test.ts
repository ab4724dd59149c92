/** What API tokens may do, and who belongs to a project. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeId } from '../../src/domain/ids.ts'
import {
  ADD_MEMBER,
  CREATE,
  CREATE_API_TOKEN,
  CREATE_DATA_STORE,
  CREATE_PROJECT,
  REMOVE_MEMBER,
  REVOKE_API_TOKEN,
  type Result,
  SMALL,
  STOP,
  UPDATE,
} from './documents.ts'
import { beginning, tail } from './tailing.ts'
import { type User, uuidOf, type World, world } from './world.ts'

const HOUR = 3_600_000
const soon = () => new Date(Date.now() + HOUR).toISOString()
const BLUE = { name: 'team', value: 'blue' }

let w: World
beforeAll(async () => {
  w = await world()
})
afterAll(() => w[Symbol.asyncDispose]())

const ask = async (user: User, document: string, input: object) =>
  (await w.as(user)<Result>(document, { input })).data.result

/** The same user by another token. */
async function byToken(user: User, input: object): Promise<User & { tokenNode: string }> {
  const made = await ask(user, CREATE_API_TOKEN, { name: 't', role: 'OWNER', expiresAt: soon(), ...input })
  expect(made).toMatchObject({ __typename: 'ApiToken', secret: expect.stringMatching(/^cah_[A-Za-z0-9_-]{43}$/) })
  const viewer = await w.viewerOf(made.secret)
  return { ...user, token: made.secret, viewer, tokenNode: made.id }
}

async function names(user: User, projectId: string): Promise<string[]> {
  const query = 'query ($id: ID!) { project(id: $id) { notebooks { edges { node { name } } } } }'
  const { data } = await w.as(user)<{ project: { notebooks: { edges: { node: { name: string } }[] } } | null }>(query, {
    id: projectId,
  })
  return (data.project?.notebooks.edges ?? []).map(({ node }) => node.name)
}

describe('an API token', () => {
  test('shows its secret once, is kept as a hash, and needs an end at most a year ahead', async () => {
    const { owner } = await w.tenant()
    const made = await byToken(owner, { name: 'ci' })
    const list = 'query { viewer { apiTokens { name secret role expiresAt lastUsedAt } } }'
    const { data } = await w.as(owner)<{ viewer: { apiTokens: { name: string; secret: null }[] } }>(list)
    expect(data.viewer.apiTokens.map(({ name, secret }) => [name, secret])).toEqual([
      ['test', null],
      ['ci', null],
    ])
    const rows = await w.database.apiToken.findMany({ where: { userId: owner.id } })
    expect(JSON.stringify(rows)).not.toContain(made.token)
    for (const expiresAt of [new Date(Date.now() - 1), new Date(Date.now() + 367 * 24 * HOUR)])
      expect(await ask(owner, CREATE_API_TOKEN, { name: 'x', role: 'READER', expiresAt })).toMatchObject({
        __typename: 'ValidationError',
        fields: [{ path: 'expiresAt' }],
      })
  })

  test('may do at most what its role says, whatever its user may', async () => {
    const { owner, projectId } = await w.tenant()
    const reader = await byToken(owner, { role: 'READER' })
    expect(await ask(reader, CREATE, { projectId, ...SMALL })).toMatchObject({
      __typename: 'ForbiddenError',
      message: 'This needs the role OPERATOR; your token has READER.',
    })
    expect(await ask(reader, CREATE_PROJECT, { name: 'Mine' })).toMatchObject({ __typename: 'ForbiddenError' })
    const operator = await byToken(owner, { role: 'OPERATOR' })
    expect(await ask(operator, CREATE, { projectId, ...SMALL })).toMatchObject({ __typename: 'Notebook' })
    expect(await names(reader, projectId)).toHaveLength(1)
  })

  test('for one project sees and does nothing in another', async () => {
    const { owner, projectId } = await w.tenant()
    const other = await ask(owner, CREATE_PROJECT, { name: 'Other' })
    const token = await byToken(owner, { projectId })
    const list = '{ projects { edges { node { id } } } }'
    const { data } = await w.as(token)<{ projects: { edges: object[] } }>(list)
    expect(data.projects.edges).toEqual([{ node: { id: projectId } }])
    expect(await ask(token, CREATE, { projectId: other.id, ...SMALL })).toMatchObject({ __typename: 'NotFoundError' })
    expect(await ask(token, CREATE, { projectId, ...SMALL })).toMatchObject({ __typename: 'Notebook' })
    const stranger = await w.user()
    const stolen = { name: 'x', role: 'READER', expiresAt: soon(), projectId }
    expect(await ask(stranger, CREATE_API_TOKEN, stolen)).toMatchObject({ __typename: 'NotFoundError' })
  })

  test('for a label sees only notebooks with it, in every way of asking, and labels what it creates', async () => {
    const { owner, projectId, projectUuid } = await w.tenant()
    const red = await ask(owner, CREATE, { projectId, ...SMALL, name: 'red', labels: [{ name: 'team', value: 'red' }] })
    const token = await byToken(owner, { label: BLUE })
    const blue = await ask(token, CREATE, { projectId, ...SMALL, name: 'blue', labels: [{ name: 'a', value: 'b' }] })
    expect(
      await w.database.notebookLabel.findMany({ where: { notebookId: uuidOf(blue.id) }, orderBy: { name: 'asc' } }),
    ).toMatchObject([{ name: 'a', value: 'b' }, BLUE])
    expect(await names(token, projectId)).toEqual(['blue'])
    expect(await names(owner, projectId)).toEqual(['red', 'blue'])
    const { data } = await w.as(token)('query ($id: ID!) { node(id: $id) { id } notebook(id: $id) { id } }', {
      id: red.id,
    })
    expect(data).toEqual({ node: null, notebook: null })
    expect(await ask(token, STOP, { notebookId: red.id })).toMatchObject({ __typename: 'NotFoundError' })
    expect(await ask(token, STOP, { notebookId: blue.id })).toMatchObject({ __typename: 'Notebook' })
    const events = await w.parts.streams.page({ projectId: projectUuid, notebookId: null, label: BLUE }, null, 100)
    expect(new Set(events.map((item) => 'notebookId' in item && item.notebookId))).toEqual(new Set([uuidOf(blue.id)]))
    expect(await ask(token, CREATE, { projectId, ...SMALL, labels: [{ name: 'team', value: 'red' }] })).toMatchObject({
      __typename: 'ValidationError',
      fields: [{ path: 'labels.0.value', message: 'must be "blue", which your token is for.' }],
    })
    expect(await ask(token, CREATE_DATA_STORE, { projectId, ...STORE })).toMatchObject({ __typename: 'ForbiddenError' })
  })

  test('for a label keeps it on what it changes; who takes it off ends the token’s stream of the notebook', async () => {
    const { owner, projectId, projectUuid } = await w.tenant()
    const token = await byToken(owner, { label: BLUE })
    const { id } = await ask(token, CREATE, { projectId, ...SMALL })
    await ask(token, UPDATE, { notebookId: id, labels: [{ name: 'a', value: 'b' }] })
    expect(await names(token, projectId)).toHaveLength(1)
    const stream = tail(w, { projectUuid, owner: token, notebookId: id })
    const refused = expect(stream.next()).rejects.toThrow('You may not watch this any more')
    await ask(owner, UPDATE, { notebookId: id, labels: [] })
    await refused
    expect(await names(token, projectId)).toEqual([])
  })

  test('makes none that may do more than itself', async () => {
    const { owner, projectId } = await w.tenant()
    const narrow = await byToken(owner, { role: 'OPERATOR', projectId, label: BLUE })
    const make = (input: object) => ask(narrow, CREATE_API_TOKEN, { name: 'x', expiresAt: soon(), ...input })
    const own = { role: 'OPERATOR', projectId, label: BLUE }
    expect(await make(own)).toMatchObject({ __typename: 'ApiToken' })
    expect(await make({ ...own, role: 'READER' })).toMatchObject({ __typename: 'ApiToken' })
    for (const more of [{ role: 'OWNER' }, { projectId: null }, { label: null }, { label: { ...BLUE, value: 'red' } }])
      expect(await make({ ...own, ...more })).toMatchObject({ __typename: 'ForbiddenError' })
    const { data } = await w.as(narrow)<{ viewer: { apiTokens: { id: string }[] } }>('{ viewer { apiTokens { id } } }')
    expect(data.viewer.apiTokens).toEqual([{ id: narrow.tokenNode }])
  })

  test('is made for somebody else only by who looks after the installation', async () => {
    const { owner } = await w.tenant()
    const operator = await w.user()
    await w.database.user.update({ where: { id: operator.id }, data: { isOperator: true } })
    const input = { name: 'x', role: 'OWNER', expiresAt: soon(), userId: encodeId('User', owner.id) }
    const made = await ask(operator, CREATE_API_TOKEN, input)
    expect((await w.viewerOf(made.secret)).userId).toBe(owner.id)
    expect(await ask(await w.user(), CREATE_API_TOKEN, input)).toMatchObject({ __typename: 'NotFoundError' })
  })

  test('that is revoked is of no use at once, and its streams end', async () => {
    const { owner, projectUuid } = await w.tenant()
    const token = await byToken(owner, {})
    const stream = tail(w, { projectUuid, owner: token, after: await beginning(w, projectUuid) })
    const refused = expect(stream.next()).rejects.toThrow('You may not watch this any more')
    expect(await ask(await w.user(), REVOKE_API_TOKEN, { apiTokenId: token.tokenNode })).toMatchObject({
      __typename: 'NotFoundError',
    })
    expect(await ask(owner, REVOKE_API_TOKEN, { apiTokenId: token.tokenNode })).toMatchObject({
      __typename: 'ApiToken',
      revokedAt: expect.any(String),
      secret: null,
    })
    await refused
    expect((await w.as(token)('{ viewer { name } }')).status).toBe(401)
  })
})

const STORE = { name: 's', endpoint: 'https://s3.example.com', region: 'r', accessKeyId: 'a', secretAccessKey: 'b' }

describe('members', () => {
  test('an owner adds somebody by name, who need not be known yet, gives other roles, and removes', async () => {
    const { owner, projectId } = await w.tenant()
    const added = await ask(owner, ADD_MEMBER, { projectId, userName: 'grace', role: 'READER' })
    expect(added).toMatchObject({ __typename: 'Member', role: 'READER', user: { name: 'grace' } })
    expect(await ask(owner, ADD_MEMBER, { projectId, userName: 'grace', role: 'OPERATOR' })).toMatchObject({
      role: 'OPERATOR',
      user: added.user,
    })
    const query = 'query ($id: ID!) { project(id: $id) { members { role user { name } } } }'
    const members = async () =>
      (await w.as(owner)<{ project: { members: object[] } }>(query, { id: projectId })).data.project.members
    expect(await members()).toContainEqual({ role: 'OPERATOR', user: { name: 'grace' } })
    await ask(owner, REMOVE_MEMBER, { projectId, userId: added.user.id })
    expect(await members()).toHaveLength(1)
    expect(await ask(owner, ADD_MEMBER, { projectId, userName: ' ', role: 'READER' })).toMatchObject({
      __typename: 'ValidationError',
    })
  })

  test('everybody may leave, but for the last owner', async () => {
    const { owner, projectId } = await w.tenant()
    const reader = await w.join(projectId, 'READER')
    expect(await ask(reader, REMOVE_MEMBER, { projectId, userId: encodeId('User', reader.id) })).toMatchObject({
      __typename: 'Member',
    })
    const last = { projectId, userId: encodeId('User', owner.id) }
    expect(await ask(owner, REMOVE_MEMBER, last)).toMatchObject({ __typename: 'ConflictError' })
    const demoted = { projectId, userName: owner.viewer.name, role: 'READER' }
    expect(await ask(owner, ADD_MEMBER, demoted)).toMatchObject({ __typename: 'ConflictError' })
  })

  test('two owners who remove each other at once leave one of them', async () => {
    const { owner, projectId, projectUuid } = await w.tenant()
    const second = await w.join(projectId, 'OWNER')
    await Promise.all([
      ask(owner, REMOVE_MEMBER, { projectId, userId: encodeId('User', second.id) }),
      ask(second, REMOVE_MEMBER, { projectId, userId: encodeId('User', owner.id) }),
    ])
    expect(await w.database.member.count({ where: { projectId: projectUuid, role: 'OWNER' } })).toBe(1)
  })

  test('who is removed sees nothing that is committed from then on, and the stream ends', async () => {
    const { owner, projectId, projectUuid } = await w.tenant()
    const reader = await w.join(projectId, 'READER')
    const stream = tail(w, { projectUuid, owner: reader })
    const refused = expect(stream.next()).rejects.toThrow('You may not watch this any more')
    await ask(owner, REMOVE_MEMBER, { projectId, userId: encodeId('User', reader.id) })
    await refused
  })
})
