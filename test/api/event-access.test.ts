/** Progress between events, and who may watch. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StreamItem } from '../../src/events/items.ts'
import { beginning, seqOf, tail, take, tenantWith } from './tailing.ts'
import { uuidOf, type World, world } from './world.ts'

let w: World

beforeAll(async () => {
  w = await world()
})

afterAll(() => w[Symbol.asyncDispose]())

describe('progress of a sync', () => {
  const syncOf = (notebookId: string) =>
    w.database.dataSync.create({
      data: { notebookId: uuidOf(notebookId), direction: 'PULL', state: 'RUNNING', operation: crypto.randomUUID() },
    })
  const progress = (id: string, filesDone: number) =>
    w.database.dataSync.update({ where: { id }, data: { filesDone, revision: { increment: 1 } } })

  test('comes between two events with the cursor of the one before, and only its latest', async () => {
    const tenant = await tenantWith(w, 2)
    const [id, other] = tenant.ids as [string, string]
    const items = tail(w, { ...tenant, notebookId: id, after: await beginning(w, tenant.projectUuid) })
    const [created] = await take(items, 1)
    const waiting = items.next()
    await syncOf(other)
    const sync = await syncOf(id)
    const first = (await waiting).value
    expect(first).toMatchObject({ event: { type: 'SyncProgressed', syncId: sync.id }, notebookId: uuidOf(id) })
    const place = await w.database.project.findUniqueOrThrow({ where: { id: tenant.projectUuid } })
    expect(seqOf(first)).toBe(place.eventCounter)
    expect(seqOf(first) >= seqOf(created as StreamItem)).toBe(true)

    // Ten reports while nobody reads are one when somebody does.
    for (let done = 1; done <= 10; done += 1) await progress(sync.id, done)
    const [latest] = await take(items, 1)
    expect(latest).toMatchObject({ event: { syncId: sync.id } })
    await w.database.dataSync.update({ where: { id: sync.id }, data: { state: 'DONE', revision: { increment: 1 } } })
    await w.change(id, { events: [{ type: 'SyncProgressed', syncId: sync.id }] })
    // At most what was seen running in between; then the last report, which is kept and has a cursor of its own.
    const rest = await take(items, 1)
    const last = seqOf(rest[0] as StreamItem) > seqOf(first) ? rest : await take(items, 1)
    expect(seqOf(last[0] as StreamItem)).toBe(seqOf(first) + 1n)
    await items.return?.()
  })

  test('shows the sync as it is now, with its totals', async () => {
    const tenant = await tenantWith(w, 1)
    const [id] = tenant.ids as [string]
    const sync = await syncOf(id)
    await w.database.dataSync.update({
      where: { id: sync.id },
      data: { filesTotal: 7, bytesTotal: 9_007_199_254_740_993n, failures: [{ path: 'a', message: 'No.' }] },
    })
    await w.change(id, { events: [{ type: 'SyncProgressed', syncId: sync.id }] })
    const { data } = await w.as(tenant.owner)<{ notebook: { events: object[] } }>(
      `query ($id: ID!) { notebook(id: $id) { events { ... on SyncProgressed {
        sync { state filesTotal bytesTotal failures { path message } notebook { id } volume { id } } } } } }`,
      { id },
    )
    expect(data.notebook.events[1]).toEqual({
      sync: {
        state: 'RUNNING',
        filesTotal: 7,
        bytesTotal: '9007199254740993',
        failures: [{ path: 'a', message: 'No.' }],
        notebook: { id },
        volume: null,
      },
    })
  })
})

describe('access', () => {
  test('a stream ends with the token that opened it', async () => {
    const tenant = await tenantWith(w, 1)
    const expiresAt = new Date(Date.now() + 300)
    await w.database.apiToken.update({ where: { id: tenant.owner.viewer.tokenId }, data: { expiresAt } })
    const owner = { ...tenant.owner, viewer: { ...tenant.owner.viewer, expiresAt } }
    await expect(tail(w, { ...tenant, owner }).next()).rejects.toThrow('You may not watch this any more')
  })

  test('no event that committed after access was lost goes out, not even those of the same look', async () => {
    const tenant = await tenantWith(w, 1)
    const guest = await w.join(tenant.projectId, 'READER')
    const items = tail(w, { ...tenant, owner: guest, after: await beginning(w, tenant.projectUuid) })
    await take(items, 1)
    await w.database.$transaction([
      w.database.member.deleteMany({ where: { userId: guest.id } }),
      w.database.project.update({ where: { id: tenant.projectUuid }, data: { accessEpoch: { increment: 1 } } }),
    ])
    await w.run(tenant.ids[0] as string)
    await expect(items.next()).rejects.toThrow('You may not watch this any more')
    expect(await items.next()).toMatchObject({ done: true })
  })

  test('another one’s loss of access does not end a stream', async () => {
    const tenant = await tenantWith(w, 1)
    const items = tail(w, { ...tenant, after: await beginning(w, tenant.projectUuid) })
    await take(items, 1)
    await w.database.project.update({ where: { id: tenant.projectUuid }, data: { accessEpoch: { increment: 1 } } })
    await w.move(tenant.ids[0] as string, 'STARTING', 'PULLING_DATA')
    expect(await take(items, 1)).toMatchObject([{ event: { phase: 'PULLING_DATA' } }])
    await items.return?.()
  })
})
