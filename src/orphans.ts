/**
 * "npm run orphans": what is in the engine and not in the database, as after a restore of an older one. Lists it; "save <volume>"
 * carries a volume's files into the bucket of workspaces; "remove <name>" removes one, after its name was typed again.
 */
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import { type Foundation, layFoundation } from './boot/foundation.ts'
import { withoutStackTraces } from './boot/refusal.ts'
import { ConfigError, readConfig } from './config.ts'
import { findOrphans, type OrphanContainer, type OrphanVolume } from './controller/orphans.ts'
import { rescueVolume } from './controller/rescue.ts'
import { systemClock } from './domain/clock.ts'

const USAGE =
  'Usage: npm run orphans | npm run orphans -- save <volume> | npm run orphans -- remove <container or volume>'

const say = (line: string): void => console.log(line)

await withoutStackTraces('Orphans:', async () => {
  const [command = 'list', name, ...more] = process.argv.slice(2)
  const isKnown = command === 'list' ? !name : ['save', 'remove'].includes(command) && name && more.length === 0
  if (!isKnown) throw new ConfigError(USAGE)
  const foundation = await layFoundation(readConfig(), say)
  try {
    if (command === 'list' || !name) await list(foundation)
    else if (command === 'save') await save(foundation, name)
    else await remove(foundation, name)
  } finally {
    await foundation.database.$disconnect()
  }
})

async function list({ database, engine }: Foundation): Promise<void> {
  const { containers, volumes } = await findOrphans(database, engine)
  for (const container of containers) say(`container  ${container.name}  ${aboutContainer(container)}`)
  for (const volume of volumes) say(`volume  ${volume.name}  ${aboutVolume(volume)}`)
  if (containers.length + volumes.length === 0) return say('Everything in the engine is on record.')
  say('')
  say('They are kept until you decide. To look into a volume, as root on its node:')
  say("  ls -la $(docker volume inspect -f '{{.Mountpoint}}' <volume>)")
  say('To put its files into the bucket of workspaces: npm run orphans -- save <volume>')
  say('To remove one for good, containers before their volumes: npm run orphans -- remove <name>')
}

function aboutContainer({ status, ...orphan }: OrphanContainer): string {
  return `${status.identity.role} ${status.state}, generation ${status.identity.generation}, ${owner(orphan)}`
}

function aboutVolume({ content, ...orphan }: OrphanVolume): string {
  return `${content ?? 'unknown content'}, ${owner(orphan)}`
}

function owner({ notebookId, notebookName, since }: Omit<OrphanVolume, 'content'> | Omit<OrphanContainer, 'status'>) {
  const name = notebookName === null ? 'which the database does not know' : `"${notebookName}"`
  return `of notebook ${notebookId}, ${name}, since ${since?.toISOString() ?? 'a time that is not known'}`
}

async function save(foundation: Foundation, name: string): Promise<void> {
  const { database, engine, workspaceBucket, store } = foundation
  const { volumes, containers } = await findOrphans(database, engine)
  const volume = volumes.find((each) => each.name === name)
  if (!volume) throw new ConfigError(`There is no volume ${name} that the database does not know.`)
  const writer = containers.find(
    ({ notebookId, status }) => notebookId === volume.notebookId && status.state === 'running',
  )
  if (writer) throw new ConfigError(`Container ${writer.name} runs and may write to it; the next sweep stops it.`)
  const parts = { ...foundation, platformStore: store.address, clock: systemClock }
  const source = { name, notebook: volume.notebookId, createdAt: volume.since }
  const { prefix, result } = await rescueVolume(parts, source, randomUUID(), (line) => {
    if (line) say(`  ${line.stage}: ${line.filesDone} of ${line.filesTotal ?? '?'} files, ${line.bytesDone} bytes`)
  })
  for (const { path, message } of result?.failures ?? []) say(`  not carried: "${path}": ${message}`)
  if (result?.state !== 'done')
    throw new ConfigError(`Not all of it is saved: ${result?.error?.message ?? 'the mover ended without a result.'}`)
  say(
    `${result.filesDone} files, ${result.bytesDone} bytes are in the bucket ${workspaceBucket} below ${prefix}, and verified.`,
  )
  say('The volume is as it was.')
}

async function remove({ database, engine }: Foundation, name: string): Promise<void> {
  const { containers, volumes } = await findOrphans(database, engine)
  const orphan = [...containers, ...volumes].find((each) => each.name === name)
  if (!orphan) throw new ConfigError(`There is nothing named ${name} that the database does not know.`)
  say(`${orphan.kind} ${name} ${owner(orphan)}`)
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const typed = await Promise.race([
    terminal.question('Type its name to remove it for good: '),
    new Promise<string>((resolve) => terminal.once('close', () => resolve(''))),
  ])
  terminal.close()
  if (typed.trim() !== name) throw new ConfigError('That is not its name; nothing is removed.')
  if (orphan.kind === 'container') await engine.remove(name, { force: true })
  else await removeVolume({ engine }, name)
  say(`Removed ${orphan.kind} ${name}.`)
}

async function removeVolume({ engine }: Pick<Foundation, 'engine'>, name: string): Promise<void> {
  try {
    await engine.removeVolume(name)
  } catch (cause) {
    throw new ConfigError(`It cannot be removed, as long as a container has it: ${(cause as Error).message}`, { cause })
  }
}
