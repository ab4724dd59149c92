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
import { until } from '../../src/embedded/daemon.ts'
import { INVARIANTS } from '../testkit/invariants/rules.ts'
import { findViolations } from '../testkit/invariants.ts'
import { LIGHT, makeLightCatalogue } from '../testkit/light-catalogue.ts'
import { Chance } from './chance.ts'
import { DISTURBANCES, type DisturbanceName, type Scene } from './disturbances.ts'
import { saveImages } from './images.ts'
import { Ledger } from './ledger.ts'
import { calledOff, furnish, handedOver, listenForInterrupts, runInside } from './namespaces.ts'
import { type HandOver, makeParts, type Parts } from './parts.ts'
import { Replica } from './replicas.ts'
import { kindOf, Tally } from './tally.ts'
import { type Crowd, comeToRest, makeProject, useNotebooks } from './users.ts'

const HOME = fileURLToPath(new URL('../../.cahier', import.meta.url))
const REPLICAS = 2

/** In seconds. A slow machine is no failure: these only end what will not come any more. */
const READY_LIMIT = 600
const FIRST_FILE_LIMIT = 900
const REST_PATIENCE = 300
/** Inert containers, which nobody owns, are let be for 2 min. */
const SWEEP_LIMIT = 240
/** So long at most is it waited for notebooks to get somewhere between two disturbances. */
const BREATH = 30
/** Ended by Ctrl-C, as shells have it. */
const INTERRUPTED = 130

/** What the control planes of the newest run printed. */
const LOG = join(tmpdir(), 'cahier-chaos.log')

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
  const interrupts = listenForInterrupts()
  const folder = await mkdtemp(join(tmpdir(), 'cahier-chaos-'))
  const catalogueFile = await onlyLight(await makeLightCatalogue())
  try {
    say('Bringing the images along.')
    const catalogue = await readFile(catalogueFile, 'utf8')
    const options = { home: HOME, folder, catalogue, imagesFolder: dirname(catalogueFile) }
    const imageFiles = await saveImages(options, say, interrupts.first)
    return await runInside(JSON.stringify({ folder, catalogueFile, imageFiles } satisfies HandOver), interrupts)
  } catch (error) {
    if (interrupts.first.aborted) return INTERRUPTED
    throw error
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
  const signal = calledOff()
  try {
    await furnish()
    await using parts = await makeParts(handOver, signal)
    return await runOn(parts, handOver, signal)
  } catch (error) {
    if (!signal.aborted) throw error
    report('Called off: nothing was judged.')
    return INTERRUPTED
  }
}

async function runOn(parts: Parts, handOver: HandOver, signal: AbortSignal): Promise<number> {
  const tally = new Tally()
  const homes = Array.from({ length: REPLICAS }, (_, index) => join(handOver.folder, `plane-${index}`))
  const replicas = await Promise.all(
    homes.map((home) => Replica.start({ ...parts.environment, CAHIER_HOME: home }, tally)),
  )
  const scene = { parts, replicas }
  try {
    await allReady(replicas, signal)
    const chance = new Chance(seed)
    const crowd = { scene, ledger: new Ledger(), tally, project: await makeProject(scene, chance) }
    report(`${notebooks} users, ${REPLICAS} control planes, ${minutes} minutes, seed ${seed}.`)
    await disturb(crowd, chance, signal)
    report('All is mended. Every notebook is wished stopped.')
    return await judge(crowd, chance, signal)
  } finally {
    await Promise.all(replicas.map((replica) => replica.end()))
    await writeFile(LOG, replicas.map(({ output }) => output).join('\n'))
  }
}

async function allReady(replicas: readonly Replica[], signal: AbortSignal): Promise<void> {
  const areReady = async () => signal.aborted || replicas.every(({ cahier }) => cahier !== null)
  if (await until(areReady, READY_LIMIT)) return signal.throwIfAborted()
  throw new Error(`No control plane: ${replicas.map(({ output }) => output).join('\n')}`)
}

/** Users and disturbances, for the time of the run, which begins with the first file; then nothing is broken any more. */
async function disturb(crowd: Crowd, chance: Chance, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const users = Array.from({ length: notebooks }, () => useNotebooks(crowd, chance.fork(), over.signal))
  const nature = chance.fork()
  const underWay = new Set<Promise<void>>()
  try {
    if (!(await writtenSince(crowd, 0, FIRST_FILE_LIMIT, signal))) throw new Error('No notebook wrote a file.')
    report('The first file is written. Now things break.')
    const end = performance.now() + minutes * 60_000
    while (performance.now() < end && !signal.aborted) {
      await delay(1000 * nature.between(2, 8))
      if (underWay.size > 1) await Promise.race(underWay)
      const work = befall(crowd.scene, nature, crowd.tally).finally(() => underWay.delete(work))
      underWay.add(work)
      await writtenSince(crowd, crowd.ledger.size, BREATH, signal)
    }
  } finally {
    over.abort()
    await Promise.all([...users, ...underWay])
  }
  await allReady(crowd.scene.replicas, signal)
}

/** False when no notebook wrote another file within the time. */
async function writtenSince({ ledger }: Crowd, size: number, seconds: number, signal: AbortSignal): Promise<boolean> {
  const written = await until(async () => signal.aborted || ledger.size > size, seconds)
  signal.throwIfAborted()
  return written
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

/** Until no container is left, or for as long as a sweep may take. What is left then is a violation. */
async function untilSwept({ engine }: Parts, signal: AbortSignal): Promise<void> {
  const limit = performance.now() + SWEEP_LIMIT * 1000
  while (performance.now() < limit && (await engine.list()).length > 0) {
    signal.throwIfAborted()
    await delay(1000)
  }
}

async function judge(crowd: Crowd, chance: Chance, signal: AbortSignal): Promise<number> {
  const { parts } = crowd.scene
  const verdicts = new Map<string, string[]>()
  verdicts.set(
    'every notebook comes to rest, with everything saved',
    await comeToRest(crowd, chance, REST_PATIENCE, signal),
  )
  report(`At rest. Comparing ${crowd.ledger.size} files with their buckets, and waiting for the sweep.`)
  verdicts.set(
    'every file that was written is in its bucket, with its content',
    await crowd.ledger.losses(parts.buckets),
  )
  await untilSwept(parts, signal)
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
