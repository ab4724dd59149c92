/** The contract's rules on what belongs to containers and to installations: volumes, files, addresses, the list. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { VolumeInUseError } from '../../../src/engine/port.ts'
import { type Bench, VOLUME_PATH } from './bench.ts'

export function testBelongings(bench: Bench): void {
  test('a file in a volume is read from the ended container, and outlives it', async () => {
    const mounts = [{ volume: `contract-${randomUUID()}`, path: VOLUME_PATH, readOnly: false }]
    const writer = await bench.run('writes', { mounts })
    expect((await bench.engine.readFile(writer, `${VOLUME_PATH}/deep/file`))?.toString()).toBe('kept')
    expect(await bench.engine.readFile(writer, `${VOLUME_PATH}/deep/other`)).toBeNull()
    expect(await bench.engine.readFile(writer, `${VOLUME_PATH}/deep`)).toBeNull()
    await bench.engine.remove(writer, { force: false })
    const heir = await bench.run('ends', { mounts })
    expect((await bench.engine.readFile(heir, `${VOLUME_PATH}/deep/file`))?.toString()).toBe('kept')
  })

  test('a volume goes when it is told to, and not while a container has it', async () => {
    const volume = `contract-${randomUUID()}`
    expect(await bench.engine.volumeIsThere(volume)).toBe(false)
    const id = await bench.engine.create(
      bench.specOf('ends', { mounts: [{ volume, path: VOLUME_PATH, readOnly: false }] }),
    )
    expect(await bench.engine.volumeIsThere(volume)).toBe(true)
    await expect(bench.engine.removeVolume(volume)).rejects.toThrow(VolumeInUseError)
    await bench.engine.remove(id, { force: false })
    await bench.engine.removeVolume(volume)
    await bench.engine.removeVolume(volume)
    expect(await bench.engine.volumeIsThere(volume)).toBe(false)
  })

  test('what volumes and writable layers take is measured, of this installation alone', async () => {
    const volume = `contract-${randomUUID()}`
    const mounts = [{ volume, path: VOLUME_PATH, readOnly: false }]
    const writer = await bench.run('writes', { mounts })
    const theirs = await bench.under.neighbour.create(bench.specOf('ends', { identity: bench.foreignIdentity() }))
    const measured = new Map((await bench.engine.diskUsage()).map(({ name, bytes }) => [name, bytes]))
    expect(measured.get(volume)).toBeGreaterThanOrEqual('kept'.length)
    expect(measured.get(writer)).toBeGreaterThanOrEqual(0)
    expect(measured.has(theirs)).toBe(false)
  })

  test('the list of volumes has all of this installation, with whose they are, and nothing of another', async () => {
    const [ours, theirs] = [`contract-${randomUUID()}`, `contract-${randomUUID()}`]
    const mounted = (volume: string) => ({ mounts: [{ volume, path: VOLUME_PATH, readOnly: false }] })
    const spec = bench.specOf('ends', mounted(ours))
    const id = await bench.engine.create(spec)
    await bench.under.neighbour.create(bench.specOf('ends', { identity: bench.foreignIdentity(), ...mounted(theirs) }))
    const listed = new Map((await bench.engine.listVolumes()).map((volume) => [volume.name, volume]))
    expect(listed.get(ours)).toEqual({
      name: ours,
      notebook: spec.identity.notebook,
      createdAt: expect.toSatisfy((at: Date) => Math.abs(Date.now() - at.getTime()) < 60_000),
    })
    expect(listed.has(theirs)).toBe(false)
    await bench.engine.remove(id, { force: false })
    await bench.engine.removeVolume(ours)
    expect((await bench.engine.listVolumes()).map(({ name }) => name)).not.toContain(ours)
  })

  test('a rescue works as a mover does, but no list tells of it', async () => {
    const { identity } = bench.specOf('speaks')
    const id = await bench.run('speaks', { identity: { ...identity, role: 'rescue' } })
    expect((await bench.statusOf(id)).identity.role).toBe('rescue')
    expect((await bench.engine.list()).map((status) => status.id)).not.toContain(id)
  })

  test('a published port has an address as long as the container runs', async () => {
    const id = await bench.beginReady('obeys', { port: 8080, network: 'notebooks' })
    expect((await bench.statusOf(id)).address).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    await bench.engine.stop(id, 10)
    expect((await bench.statusOf(id)).address).toBeNull()
  })

  test('the list has all of this installation and nothing of another', async () => {
    const inert = await bench.engine.create(bench.specOf('ends'))
    const running = await bench.beginReady('obeys', { port: 8080 })
    const ended = await bench.run('speaks')
    const theirs = await bench.under.neighbour.create(bench.specOf('ends', { identity: bench.foreignIdentity() }))
    const listed = new Map((await bench.engine.list()).map((status) => [status.id, status]))
    expect(listed.has(theirs)).toBe(false)
    expect(listed.get(inert)).toMatchObject({ state: 'created', exitCode: null })
    expect(listed.get(ended)).toEqual(await bench.engine.inspect(ended))
    const { identity, address } = await bench.statusOf(running)
    expect(listed.get(running)).toMatchObject({ identity, address, state: 'running', startedAt: null })
    await bench.engine.remove(running, { force: true })
    const later = await bench.engine.list()
    expect(later.map(({ id }) => id)).not.toContain(running)
  })
}
