/**
 * `npm run chaos -- --minutes N [--seed S] [--notebooks N]`: users, faults and kills at random, on real parts, and then a
 * verdict on each invariant. Docker, PostgreSQL, the object store and the control planes are the run's own and end with it.
 * The seed repeats what was wished and broken, and in which order; how the machine answers is its own.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { INVARIANTS } from '../testkit/invariants/rules.ts'
import { findViolations } from '../testkit/invariants.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { Chance } from './chance.ts'
import { DISTURBANCES, type DisturbanceName, type Scene } from './disturbances.ts'
import { saveImages } from './images.ts'
import { Ledger } from './ledger.ts'
import { bringUpLoopback, handedOver, runInside } from './namespaces.ts'
import { type HandOver, makeParts } from './parts.ts'
import { Replica } from './replicas.ts'
import { kindOf, Tally } from './tally.ts'
import { type Crowd, comeToRest, makeProject, useNotebooks } from './users.ts'

const HOME = fileURLToPath(new URL('../../.cahier', import.meta.url))
const REPLICAS = 2
const READY_SECONDS = 60
const REST_SECONDS = 300
/** Two sweeps and more: what nobody owns is gone then, but for inert containers, which are let be for 2 min. */
const SWEPT_MS = 130_000

const say = (line: string): void => console.log(line)
const began = performance.now()
const report = (line: string): void => say(`${((performance.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}`)

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    notebooks: { type: 'string', default: '20' },
  },
})
const minutes = Number(values.minutes)
const notebooks = Number(values.notebooks)
const seed = Number(values.seed)
if (!(minutes > 0) || !(notebooks > 0) || !Number.isInteger(seed))
  throw new Error('--minutes and --notebooks are positive numbers, --seed is an integer')

const inside = handedOver()
process.exitCode = inside ? await runChaos(JSON.parse(inside) as HandOver) : await prepareAndRun()

/** Outside: what has to come from the machine is made, and the run goes on in a world of its own. */
async function prepareAndRun(): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new Error('Chaos makes network, mounts and a Docker daemon of its own: run it as root')
  const folder = await mkdtemp(join(tmpdir(), 'cahier-chaos-'))
  const catalogueFile = await onlyLight(await makeLightCatalogue())
  try {
    say('Bringing the images along.')
    const catalogue = await readFile(catalogueFile, 'utf8')
    const imageFiles = await saveImages({ home: HOME, folder, catalogue, imagesFolder: dirname(catalogueFile) }, say)
    return await runInside(JSON.stringify({ folder, catalogueFile, imageFiles } satisfies HandOver))
  } finally {
    await rm(folder, { recursive: true, force: true })
    await rm(dirname(catalogueFile), { recursive: true, force: true })
  }
}

/** The control planes see to it that the image of the first framework is there: let that be the light one. */
async function onlyLight(file: string): Promise<string> {
  const catalogue = JSON.parse(await readFile(file, 'utf8'))
  catalogue.frameworks = catalogue.frameworks.filter(({ id }: { id: string }) => id === LIGHT.framework)
  await writeFile(file, JSON.stringify(catalogue))
  return file
}

/** Inside. Answers the exit code. */
async function runChaos(handOver: HandOver): Promise<number> {
  await bringUpLoopback()
  const parts = await makeParts(handOver)
  const tally = new Tally()
  const homes = Array.from({ length: REPLICAS }, (_, index) => join(handOver.folder, `plane-${index}`))
  const replicas = await Promise.all(
    homes.map((home) => Replica.start({ ...parts.environment, CAHIER_HOME: home }, tally)),
  )
  const scene = { parts, replicas }
  try {
    await allReady(replicas)
    const chance = new Chance(seed)
    const crowd = { scene, ledger: new Ledger(), tally, project: await makeProject(scene, chance) }
    report(`${notebooks} users, ${REPLICAS} control planes, ${minutes} minutes, seed ${seed}.`)
    await disturb(crowd, chance)
    report('All is mended. Every notebook is wished stopped.')
    return await judge(crowd, chance)
  } finally {
    await writeFile(join(tmpdir(), 'cahier-chaos.log'), replicas.map(({ output }) => output).join('\n'))
    await Promise.all(replicas.map((replica) => replica.end()))
    await parts.stop()
  }
}

async function allReady(replicas: readonly Replica[]): Promise<void> {
  const limit = performance.now() + READY_SECONDS * 1000
  while (replicas.some(({ cahier }) => cahier === null)) {
    if (performance.now() > limit)
      throw new Error(`No control plane: ${replicas.map(({ output }) => output).join('\n')}`)
    await delay(200)
  }
}

/** Users and disturbances, for the time of the run; then nothing is broken any more. */
async function disturb(crowd: Crowd, chance: Chance): Promise<void> {
  const over = new AbortController()
  const users = Array.from({ length: notebooks }, () => useNotebooks(crowd, chance.fork(), over.signal))
  const nature = chance.fork()
  const underWay = new Set<Promise<void>>()
  const end = performance.now() + minutes * 60_000
  while (performance.now() < end) {
    await delay(1000 * nature.between(2, 8))
    if (underWay.size > 1) continue
    const work = befall(crowd.scene, nature, crowd.tally).finally(() => underWay.delete(work))
    underWay.add(work)
  }
  over.abort()
  await Promise.all([...users, ...underWay])
  await allReady(crowd.scene.replicas)
}

async function befall(scene: Scene, nature: Chance, tally: Tally): Promise<void> {
  const weights = Object.fromEntries(Object.entries(DISTURBANCES).map(([name, { weight }]) => [name, weight]))
  const name = nature.weighted(weights) as DisturbanceName
  tally.count(name)
  report(name)
  try {
    await DISTURBANCES[name].befall(scene, nature.fork())
  } catch (error) {
    // Two at once may be in each other's way.
    tally.count(`"${name}" met ${kindOf(error)}`)
  }
}

async function judge(crowd: Crowd, chance: Chance): Promise<number> {
  const { parts } = crowd.scene
  const verdicts = new Map<string, string[]>()
  verdicts.set('every notebook comes to rest, with everything saved', await comeToRest(crowd, chance, REST_SECONDS))
  report(`At rest. Comparing ${crowd.ledger.size} files with their buckets, and waiting for the sweep.`)
  verdicts.set(
    'every file that was written is in its bucket, with its content',
    await crowd.ledger.losses(parts.buckets),
  )
  await delay(SWEPT_MS)
  const look = async () => ({ containers: await parts.engine.list(), volumes: null })
  const violations = await findViolations(parts.database, look, { isSwept: true, overcommit: parts.overcommit })
  for (const invariant of Object.keys(INVARIANTS))
    verdicts.set(
      invariant,
      violations.filter((violation) => violation.invariant === invariant).map(({ what }) => what),
    )
  say('\nWhat happened:')
  for (const line of crowd.tally.lines()) say(line)
  say('\nVerdict:')
  for (const [invariant, faults] of verdicts) {
    say(`  ${faults.length === 0 ? 'held  ' : 'BROKEN'}  ${invariant}`)
    for (const fault of faults) say(`            ${fault}`)
  }
  const broken = [...verdicts.values()].filter((faults) => faults.length > 0).length
  const files = `${crowd.ledger.size} files`
  say(
    `\n${broken === 0 ? 'Every invariant held' : `${broken} invariants are broken`}: ${minutes} minutes, seed ${seed}, ${files}.`,
  )
  return broken === 0 ? 0 : 1
}
