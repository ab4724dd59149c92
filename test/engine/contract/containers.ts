/** The contract's rules on one container's life: made inert, started once, ended, removed; and what a latecomer cannot do. */
import { expect, test } from 'vitest'
import { ContainerGoneError, ImageError, NameTakenError } from '../../../src/engine/port.ts'
import { type Bench, collect, endOf, NEVER } from './bench.ts'

export function testContainers(bench: Bench): void {
  test('it answers, and says what its node has', async () => {
    await bench.engine.ping()
    await bench.engine.prepare()
    const { cpus, memoryBytes } = await bench.engine.capacity()
    expect(cpus).toBeGreaterThan(0)
    expect(memoryBytes).toBeGreaterThan(0)
  })

  test('a container is made inert', async () => {
    const spec = bench.specOf('ends', { port: 8080 })
    const status = await bench.statusOf(await bench.engine.create(spec))
    expect(status).toMatchObject({
      identity: spec.identity,
      state: 'created',
      exitCode: null,
      oomKilled: false,
      startedAt: null,
      finishedAt: null,
      address: null,
    })
    expect(status.createdAt).toBeInstanceOf(Date)
  })

  test('there is one container of an identity, whether it is inert, runs or ended', async () => {
    const spec = bench.specOf('speaks')
    const id = await bench.engine.create(spec)
    await expect(bench.engine.create(spec)).rejects.toBeInstanceOf(NameTakenError)
    await bench.engine.start(id)
    await endOf(bench.engine, id)
    await expect(bench.engine.create(spec)).rejects.toBeInstanceOf(NameTakenError)
    await bench.engine.remove(id, { force: false })
    expect(await bench.engine.create(spec)).not.toBe(id)
  })

  test('an image that is not there is refused by name', async () => {
    await expect(bench.engine.create(bench.specOf('ends', { image: 'nowhere' }))).rejects.toBeInstanceOf(ImageError)
    expect(await bench.engine.imageIsThere(bench.under.image)).toBe(true)
  })

  test('how a container ended is kept: exit code and times', async () => {
    const { state, exitCode, oomKilled, startedAt, finishedAt, createdAt } = await bench.statusOf(
      await bench.run('speaks'),
    )
    expect({ state, exitCode, oomKilled }).toEqual({ state: 'exited', exitCode: 3, oomKilled: false })
    expect(startedAt?.getTime()).toBeGreaterThanOrEqual(createdAt.getTime())
    expect(finishedAt?.getTime()).toBeGreaterThanOrEqual(startedAt?.getTime() ?? Number.NaN)
  })

  test('a container runs once: starting it again changes nothing, while it runs or when it ended', async () => {
    const id = await bench.beginReady('obeys')
    const first = await bench.statusOf(id)
    await bench.engine.start(id)
    expect(await bench.statusOf(id)).toEqual(first)
    await bench.engine.stop(id, 10)
    const ended = await bench.statusOf(id)
    await bench.engine.start(id)
    expect(await bench.statusOf(id)).toEqual(ended)
  })

  test('one who was overtaken cannot start what its successor removed', async () => {
    const id = await bench.engine.create(bench.specOf('ends'))
    await bench.engine.remove(id, { force: false })
    await expect(bench.engine.start(id)).rejects.toBeInstanceOf(ContainerGoneError)
    await expect(bench.engine.start(id, 'document')).rejects.toBeInstanceOf(ContainerGoneError)
  })

  test('what is gone can be looked at, stopped and removed again', async () => {
    const id = await bench.engine.create(bench.specOf('ends'))
    await bench.engine.remove(id, { force: false })
    await bench.engine.remove(id, { force: false })
    await bench.engine.remove(id, { force: true })
    await bench.engine.stop(id, 1)
    expect(await bench.engine.inspect(id)).toBeNull()
    expect(await bench.engine.logTail(id, 10)).toEqual([])
    expect(await bench.engine.readFile(id, '/etc/hostname')).toBeNull()
    expect(await collect(bench.engine.lines(id, NEVER))).toEqual([])
  })

  test('a container that runs is removed only by force', async () => {
    const id = await bench.beginReady('defies')
    await expect(bench.engine.remove(id, { force: false })).rejects.toThrow(/running/)
    expect(await bench.statusOf(id)).toMatchObject({ state: 'running' })
    await bench.engine.remove(id, { force: true })
    expect(await bench.engine.inspect(id)).toBeNull()
  })

  test('what was made and never recorded is found by its identity, in whatever state', async () => {
    const spec = bench.specOf('obeys')
    expect(await bench.engine.find(spec.identity)).toBeNull()
    const id = await bench.beginReady('obeys', { identity: spec.identity })
    expect(await bench.engine.find(spec.identity)).toBe(id)
    expect(await bench.engine.find({ ...spec.identity, generation: 2 })).toBeNull()
    expect(await bench.engine.find({ ...spec.identity, role: 'notebook' })).toBeNull()
    await bench.engine.stop(id, 10)
    expect(await bench.engine.find(spec.identity)).toBe(id)
    await bench.engine.remove(id, { force: false })
    expect(await bench.engine.find(spec.identity)).toBeNull()
    const inert = await bench.engine.create(spec)
    expect(await bench.engine.find(spec.identity)).toBe(inert)
  })

  test('stop asks first: a process that listens ends by itself', async () => {
    const id = await bench.beginReady('obeys')
    await bench.engine.stop(id, 30)
    expect(await bench.statusOf(id)).toMatchObject({ state: 'exited', exitCode: 7 })
    await bench.engine.stop(id, 30)
  })

  test('stop ends also a process that does not listen', async () => {
    const id = await bench.beginReady('defies')
    await bench.engine.stop(id, 1)
    expect(await bench.statusOf(id)).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: false })
  })

  test('stopping an inert container leaves it inert', async () => {
    const id = await bench.engine.create(bench.specOf('ends'))
    await bench.engine.stop(id, 1)
    expect(await bench.statusOf(id)).toMatchObject({ state: 'created' })
  })

  test('a container killed for its memory says so', async () => {
    const status = await bench.statusOf(await bench.run('overeats'))
    expect(status).toMatchObject({ state: 'exited', exitCode: 137, oomKilled: true })
  })

  test('many containers at once do not get in each other’s way', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => bench.run('speaks')))
    const statuses = await Promise.all(ids.map((id) => bench.statusOf(id)))
    expect(statuses.map(({ exitCode }) => exitCode)).toEqual(ids.map(() => 3))
    await Promise.all(ids.map((id) => bench.engine.remove(id, { force: false })))
  })
}
